//! Tests of the conversion: each form of path, its errors, and the way back.

use super::*;
use System::{Cygwin, Msys, Posix, Windows, Wsl};
use proptest::prelude::*;

fn to(system: System) -> Conversion {
    Conversion::to(system)
}

fn from(from: System, to: System) -> Conversion {
    Conversion { from: Some(from), ..Conversion::to(to) }
}

fn ubuntu(conversion: Conversion) -> Conversion {
    Conversion { distribution: Some("Ubuntu".into()), ..conversion }
}

fn mounted(conversion: Conversion, mounts: &[&str]) -> Conversion {
    let mounts = mounts.iter().map(|text| Mount::parse(text).expect(text)).collect();
    Conversion { mounts, ..conversion }
}

fn converted(conversion: &Conversion, path: &str) -> String {
    let result = conversion.convert(path);
    let result = result.unwrap_or_else(|error| panic!("{path:?}: {error}"));
    assert_eq!(result.variable, None, "{path:?}");
    result.path
}

/// The error of a conversion, as the name of its variant.
fn refused(conversion: &Conversion, path: &str) -> String {
    match conversion.convert(path) {
        Ok(converted) => panic!("{path:?} became {converted:?}"),
        Err(error) => {
            let text = format!("{error:?}");
            text.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
        }
    }
}

#[test]
fn paths_of_windows_are_written_for_systems_with_drives() {
    let wsl = &to(Wsl);
    for (path, expected) in [
        (r"C:\Users\a\b.txt", "/mnt/c/Users/a/b.txt"),
        (r"c:/mixed\sep/x", "/mnt/c/mixed/sep/x"),
        (r"C:\", "/mnt/c/"),
        (r"C:\a\..\b\.\c", "/mnt/c/a/../b/./c"),
        (r"C:\a\\b", "/mnt/c/a/b"),
        (r"C:\trail\", "/mnt/c/trail/"),
        (r"\\?\C:\very\long", "/mnt/c/very/long"),
        (r"//?/C:/very/long", "/mnt/c/very/long"),
        (r"C:\a b\it's (1)&x", "/mnt/c/a b/it's (1)&x"),
        (r"C:\é\日本", "/mnt/c/é/日本"),
        (r"\\srv\sh\x", "//srv/sh/x"),
    ] {
        assert_eq!(converted(wsl, path), expected);
    }
    assert_eq!(converted(&to(Msys), r"C:\Users\a\b.txt"), "/c/Users/a/b.txt");
    assert_eq!(converted(&to(Cygwin), r"C:\Users\a\b.txt"), "/cygdrive/c/Users/a/b.txt");
    let other = Conversion { wsl_root: "/".into(), ..to(Wsl) };
    assert_eq!(converted(&other, r"D:\x"), "/d/x");
    for distribution in [r"\\wsl$\Ubuntu\home\u", r"\\wsl.localhost\ubuntu\home\u"] {
        assert_eq!(converted(&ubuntu(to(Wsl)), distribution), "/home/u");
        assert_eq!(refused(wsl, distribution), "NoDistribution");
    }
    assert_eq!(refused(&ubuntu(to(Wsl)), r"\\wsl$\Debian\home"), "OtherDistribution");
}

#[test]
fn paths_of_windows_without_an_equivalent_are_refused() {
    let wsl = &to(Wsl);
    for (path, error) in [
        ("C:", "DriveRelative"),
        (r"C:rel\x", "DriveRelative"),
        (r"\abs\x", "RootRelative"),
        (r"\\.\COM1", "Device"),
        (r"\\.\pipe\x", "Device"),
        (r"\\?\GLOBALROOT\x", "Device"),
        (r"\\?\Volume{0a1b}\x", "Volume"),
        (r"C:\x:stream", "AlternateStream"),
        (r"1:\x", "InvalidDrive"),
        (r"CC:\x", "InvalidDrive"),
        (r"\\srv", "IncompleteShare"),
        (r"\\srv\", "IncompleteShare"),
        (r"C:\..\x", "Outside"),
        (r"C:\a\..\..\x", "Outside"),
        (r"\\srv\sh\..\x", "Outside"),
        (r"C:\a\NUL", "Reserved"),
        ("", "Empty"),
        ("C:\\a\0b", "Nul"),
    ] {
        assert_eq!(refused(wsl, path), error, "{path:?}");
    }
    let error = to(Posix).convert(r"C:\Users\x").expect_err("no drives").to_string();
    assert_eq!(
        error,
        r"C:\ has no equivalent on POSIX systems; name one with --mount 'C:\Users=/data' (of a worker: --mounts)"
    );
    assert_eq!(refused(wsl, &format!(r"C:\{}", "é".repeat(200))), "NameTooLong");
    assert_eq!(refused(wsl, &"x/".repeat(20_000)), "PathTooLong");
}

#[test]
fn relative_paths_keep_their_names() {
    for (path, expected) in
        [(r"rel\x", "rel/x"), (r".\x", "./x"), (r"..\x", "../x"), (r"a\..\..\x", "a/../../x")]
    {
        assert_eq!(converted(&to(Posix), path), expected);
        assert_eq!(converted(&to(Windows), expected), path);
    }
    assert_eq!(converted(&to(Windows), "name"), "name");
}

#[test]
fn paths_of_posix_are_written_for_windows() {
    for (conversion, path, expected) in [
        (to(Windows), "/mnt/c/Users/x", r"C:\Users\x"),
        (to(Windows), "/mnt/c", r"C:\"),
        (to(Windows), "/mnt/c/", r"C:\"),
        (from(Msys, Windows), "/c/Users/x", r"C:\Users\x"),
        (to(Windows), "/cygdrive/d/x", r"D:\x"),
        (from(Msys, Windows), "//srv/sh/x", r"\\srv\sh\x"),
        (ubuntu(from(Wsl, Windows)), "/home/u/x", r"\\wsl.localhost\Ubuntu\home\u\x"),
        (ubuntu(to(Windows)), "/mnt/cd/x", r"\\wsl.localhost\Ubuntu\mnt\cd\x"),
        (ubuntu(to(Windows)), "/mnt/C/x", r"\\wsl.localhost\Ubuntu\mnt\C\x"),
        (ubuntu(to(Windows)), "/", r"\\wsl.localhost\Ubuntu\"),
        (to(Windows), "/mnt/c/COM10/CONSOLE", r"C:\COM10\CONSOLE"),
    ] {
        assert_eq!(converted(&conversion, path), expected);
    }
    let wsl = from(Wsl, Windows);
    for (path, error) in [
        ("/home/u/x", "NoDistribution"),
        ("/mnt/cd/x", "NoDistribution"),
        ("/mnt/c/b:c", "InvalidCharacter"),
        ("/mnt/c/x\\y", "InvalidCharacter"),
        ("/mnt/c/a\u{1f}", "InvalidCharacter"),
        ("/mnt/c/trail.", "TrailingDotOrSpace"),
        ("/mnt/c/trail ", "TrailingDotOrSpace"),
        ("/mnt/c/../d", "Outside"),
        ("/mnt/c/..", "Outside"),
    ] {
        assert_eq!(refused(&wsl, path), error, "{path:?}");
    }
    for name in ["CON", "nul.txt", "com1", "COM¹", "LPT9.log", "aux .x", "CONIN$"] {
        assert_eq!(refused(&wsl, &format!("/mnt/c/{name}")), "Reserved", "{name}");
    }
    for character in "?*\"<>|".chars() {
        assert_eq!(refused(&wsl, &format!("/mnt/c/q{character}")), "InvalidCharacter");
    }
    assert_eq!(refused(&to(Windows), "/home/u/x"), "NoMapping");
    assert_eq!(refused(&to(Windows), "/c/x"), "NoMapping", "it may be any directory");
}

#[test]
fn long_paths_get_the_verbatim_form() {
    let name = "n".repeat(100);
    let long = format!("/mnt/c/{name}/./{name}/../{name}/x/{name}");
    let expected = format!(r"\\?\C:\{name}\{name}\x\{name}");
    assert_eq!(converted(&to(Windows), &long), expected);
    assert_eq!(converted(&to(Wsl), &expected), format!("/mnt/c/{name}/{name}/x/{name}"));
    let share = format!("//srv/sh/{name}/{name}/{name}/");
    assert_eq!(converted(&to(Windows), &share), format!(r"\\?\UNC\srv\sh\{name}\{name}\{name}\"));
    assert_eq!(refused(&to(Windows), &format!("{name}/{name}/{name}")), "RelativeTooLong");
    assert_eq!(refused(&to(Windows), &format!("/mnt/c/{}", "n".repeat(256))), "NameTooLong");
}

#[test]
fn shares_and_mounts_lead_both_ways() {
    assert_eq!(converted(&to(Posix), r"\\?\UNC\srv\sh\x"), "//srv/sh/x");
    assert_eq!(converted(&to(Posix), r"\\srv\sh\x"), "//srv/sh/x");
    let mounts = [r"D:\models=/srv/models", r"\\nas\team=/net/team", "/home/a=/home/b"];
    for (system, path, expected) in [
        (Posix, r"D:\models\bert\x", "/srv/models/bert/x"),
        (Wsl, r"d:\Models", "/srv/models"),
        (Posix, r"\\NAS\Team\x\", "/net/team/x/"),
        (Windows, "/srv/models/bert", r"D:\models\bert"),
        (Windows, "/net/team/x", r"\\nas\team\x"),
        (Posix, "/home/a/x", "/home/b/x"),
        (Posix, "/home/ab/x", "/home/ab/x"),
    ] {
        assert_eq!(converted(&mounted(to(system), &mounts), path), expected);
    }
    let posix = mounted(to(Posix), &mounts);
    // Such a path is not below the mount.
    assert_eq!(refused(&posix, r"D:\models\..\secret"), "NoMapping");
    assert_eq!(refused(&posix, r"D:\modelsx"), "NoMapping");
    for text in ["D:\\x", "a=b", "=", "/a=", "/a=/b=/c", "D:\\..=/x", "C:x=/y"] {
        assert!(Mount::parse(text).is_err(), "{text}");
    }
    assert!(Mount::parse("/a=b=/c").is_ok(), "a name with = and one division");
}

#[test]
fn file_uris_are_paths() {
    for (system, uri, expected) in [
        (Windows, "file:///C:/a%20b/x", r"C:\a b\x"),
        (Wsl, "file:///C:/a%20b/x", "/mnt/c/a b/x"),
        (Windows, "file://srv/sh/x", r"\\srv\sh\x"),
        (Posix, "file:///home/u/%23x", "/home/u/#x"),
        (Windows, "file:///C%3A/x", r"C:\x"),
        (Windows, "FILE:C:/x", r"C:\x"),
        (Windows, "file:///c|/x", r"C:\x"),
        (Posix, "file://localhost/a/b/", "/a/b/"),
        (Posix, "file:/a%C3%A9", "/aé"),
    ] {
        assert_eq!(converted(&to(system), uri), expected);
    }
    for uri in [
        "file:///a%00b",
        "file:///a%2Fb",
        "file:///a%5cb",
        "file:///a%",
        "file:///a%g0",
        "file:///a%ff",
        "file:///a?b",
        "file:///a#b",
        "file:rel",
        "file:",
        "file://",
    ] {
        assert_eq!(refused(&to(Posix), uri), "Uri", "{uri}");
    }
}

#[test]
fn variables_stay_and_are_named() {
    for (path, variable) in [
        ("~/x", "~"),
        ("~user/x", "~user"),
        (r"%USERPROFILE%\x", "%USERPROFILE%"),
        (r"C:\%NAME%\x", "%NAME%"),
        (r"%ProgramFiles(x86)%\x", "%ProgramFiles(x86)%"),
        ("$HOME/x", "$HOME"),
        ("${HOME}/x", "${HOME}"),
        ("/a/$env:NAME", "$env:NAME"),
    ] {
        let kept = to(Windows).convert(path).expect(path);
        assert_eq!(kept, Converted { path: path.into(), variable: Some(variable.into()) });
    }
    for path in ["100%/a", "a~/b", "a/~", "%/x", "%1%/x", "$/x", "$1/x"] {
        assert_eq!(to(Posix).convert(path).expect(path).variable, None, "{path}");
    }
}

#[test]
fn lists_change_their_separators() {
    let list = |conversion: &Conversion, text: &str| {
        conversion.convert_list(text).map(|converted| converted.path)
    };
    assert_eq!(list(&to(Wsl), r"C:\a;D:\b"), Ok("/mnt/c/a:/mnt/d/b".into()));
    assert_eq!(list(&to(Windows), "/mnt/c/a:/mnt/d/b"), Ok(r"C:\a;D:\b".into()));
    assert_eq!(list(&to(Wsl), r"C:\a"), Ok("/mnt/c/a".into()));
    assert_eq!(list(&to(Wsl), r"C:\a;;D:\b"), Err(PathError::Empty));
    assert!(matches!(
        list(&to(Windows), "/mnt/c/a;b:/mnt/c/c"),
        Err(PathError::InvalidCharacter { .. } | PathError::NoMapping { .. })
    ));
    assert_eq!(list(&to(Wsl), "C:\\a;%X%\\b").as_deref(), Ok("/mnt/c/a:%X%\\b"));
}

#[test]
fn paths_move_between_systems_on_windows() {
    assert_eq!(converted(&from(Wsl, Msys), "/mnt/c/x"), "/c/x");
    assert_eq!(converted(&to(Cygwin), "/mnt/c/x"), "/cygdrive/c/x");
    assert_eq!(converted(&from(Msys, Wsl), "/d/x/"), "/mnt/d/x/");
    assert_eq!(converted(&to(Posix), "/mnt/c/x"), "/mnt/c/x", "a directory like any other");
    assert_eq!(refused(&from(Wsl, Posix), "/mnt/c/x"), "NoMapping");
    assert_eq!(converted(&to(Posix), "/../x"), "/../x");
    assert_eq!(converted(&to(Posix), "/"), "/");
    assert_eq!(converted(&to(Msys), r"\\wsl$\Ubuntu\home"), "//wsl.localhost/Ubuntu/home");
}

/// A name that every system allows.
fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9é日 ._-]{0,11}[a-z0-9]".prop_filter("no device, no variable", |name| {
        windows::parse(name, true).is_ok() && !matches!(name.as_str(), "." | "..")
    })
}

proptest! {
    #[test]
    fn a_converted_path_leads_back(
        drive in "[A-Z]",
        names in prop::collection::vec(name(), 1..6),
        trailing: bool,
        share: bool,
        system in prop::sample::select(vec![Wsl, Msys, Cygwin]),
    ) {
        let end = if trailing { "\\" } else { "" };
        let root = if share { format!(r"\\srv\{drive}") } else { format!("{drive}:") };
        let path = format!(r"{root}\{}{end}", names.join("\\"));
        let there = to(system).convert(&path).expect("converted").path;
        prop_assert!(there.starts_with('/') && !there.contains('\\'));
        prop_assert_eq!(from(system, Windows).convert(&there).expect("back").path, path);
    }

    /// Any text is converted or refused, and nothing that was converted leads out of its drive.
    #[test]
    fn nothing_escapes_its_root(text in r"(C:|/mnt/c|file:///C:|\\\\\?\\C:)?([/\\]{1,2}([a-c.:%2eE~$*]{0,4}|\.\.))*") {
        for system in System::ALL {
            let Ok(Converted { path, variable: None }) = to(system).convert(&text) else { continue };
            for root in ["/mnt/c", "/c", "/cygdrive/c", "C:"] {
                // A POSIX path of a directory `c` is not on a drive: above its root it stays there.
                if root == "/c" && text.starts_with(root) {
                    continue;
                }
                let Some(rest) = path.strip_prefix(root) else { continue };
                let separator = if system == Windows { '\\' } else { '/' };
                if !rest.starts_with(separator) || system == Posix { continue }
                let mut depth = 0;
                for part in rest.split(separator).filter(|part| !part.is_empty() && *part != ".") {
                    depth += if part == ".." { -1 } else { 1 };
                    prop_assert!(depth >= 0, "{:?} became {:?}", text, path);
                }
            }
        }
    }

    #[test]
    fn no_text_panics(text in any::<String>()) {
        for to in System::ALL {
            for from in System::ALL.map(Some).into_iter().chain([None]) {
                let conversion = Conversion { from, ..Conversion::to(to) };
                let _ = conversion.convert(&text);
                let _ = conversion.convert_list(&text);
            }
        }
    }
}
