//! Ends of outputs, as programs write them.

use super::*;
use proptest::prelude::*;

const TRACEBACK: &str = "Traceback (most recent call last):";

fn diagnosed(output: &str) -> Option<(String, Option<Class>)> {
    diagnose(output.as_bytes()).map(|words| (words.text, words.class))
}

fn text(output: &str) -> String {
    diagnosed(output).unwrap_or_default().0
}

/// A traceback as Python prints it.
fn raised(error: &str) -> String {
    format!("{TRACEBACK}\n  File \"t.py\", line 4, in <module>\n    f(x)\n    ~^^^\n{error}\n")
}

fn prefixed(prefix: &str, text: &str) -> String {
    text.lines().map(|line| format!("{prefix}{line}\n")).collect()
}

#[test]
fn the_last_line_speaks_where_nothing_was_raised() {
    assert_eq!(diagnosed("\n  \n"), None);
    assert_eq!(diagnosed("one\n two \n\n"), Some(("two".into(), None)));
    assert_eq!(diagnosed(&"x".repeat(1000)).map(|(text, _)| text.len()), Some(MAX_QUOTE_CHARS));
    let text = "MemoryError: only spoken of\n";
    assert_eq!(diagnosed(text), Some((text.trim().into(), None)));
}

#[test]
fn the_error_of_the_last_traceback_speaks_whatever_follows() {
    // As torch 2.11 prints an assertion that failed on a device.
    let assertion = "before\nTraceback (most recent call last):\n  File \"t.py\", line 4, in <module>\n    \
        y=e(x)\n      ^^^^\ntorch.AcceleratorError: CUDA error: device-side assert triggered\n\
        Search for `cudaErrorAssert' in the documentation.\nCompile with `TORCH_USE_CUDA_DSA`.\n\n";
    let words = diagnosed(assertion).expect("a diagnosis");
    let error = "torch.AcceleratorError: CUDA error: device-side assert triggered";
    assert_eq!(words, (error.into(), None));

    let memory = raised("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 40.00 GiB.");
    assert_eq!(diagnosed(&memory).and_then(|words| words.1), Some(Class::OutOfMemory));

    let chained = format!(
        "{memory}\nDuring handling of the above exception, another exception occurred:\n\n{}",
        raised("ModuleNotFoundError: No module named 'flash_attn'")
    );
    let words = diagnosed(&chained).expect("a diagnosis");
    assert_eq!(words.1, Some(Class::ImportError));
    assert!(words.0.ends_with("'flash_attn'"), "{}", words.0);
}

#[test]
fn an_error_that_was_dealt_with_is_not_the_last_word() {
    let went_on = format!("{}{}done\n", raised("ValueError: early"), "more\n".repeat(9));
    assert_eq!(diagnosed(&went_on), Some(("done".into(), None)));
}

#[test]
fn a_traceback_that_was_cut_off_is_no_error_of_its_own() {
    let cut = "Traceback (most recent call last):\n  File \"t.py\", line 3\n";
    assert_eq!(diagnosed(cut), Some(("File \"t.py\", line 3".into(), None)));
    assert_eq!(diagnosed("no \u{fffd} text"), Some(("no \u{fffd} text".into(), None)));
}

#[test]
fn progress_bars_hide_nothing() {
    let bar = "\r 10%|#   | 1/10\r 20%|##  | 2/10";
    assert_eq!(
        text(&format!("{bar}\rRuntimeError: the model has gone\n")),
        "RuntimeError: the model has gone"
    );
    // The bar has no line end, so that the traceback begins on its line.
    let memory = format!("{bar}{}", raised("torch.OutOfMemoryError: no room for 20 GiB"));
    assert_eq!(
        diagnosed(&memory),
        Some(("torch.OutOfMemoryError: no room for 20 GiB".into(), Some(Class::OutOfMemory)))
    );
    // And the bar may be closed after it.
    assert_eq!(text(&format!("{}{bar}\r\n", raised("ValueError: x"))), "ValueError: x");
    assert_eq!(text(&format!("ValueError: x\n{bar}\r\n")), "ValueError: x");
    let windows = raised("ValueError: x").replace('\n', "\r\n");
    assert_eq!(text(&windows), "ValueError: x");
    let coloured = format!(
        "\u{1b}[1;35m{}\u{1b}[0m",
        raised("ValueError: x").replace("ValueError", "\u{1b}[1;35mValueError\u{1b}[0m")
    );
    assert_eq!(text(&coloured), "ValueError: x");
}

#[test]
fn lines_of_one_writer_are_read_without_their_prefix() {
    let error = raised("ValueError: no such layer");
    for prefix in [
        "[rank0]: ",
        "[0]: ",
        "[0]:",
        "rank 3: ",
        "[default0]:",
        "(pid=123) ",
        "(train_func pid=9, ip=10.0.0.1) ",
        "node1: ",
        "[1,0]<stderr>:",
        "2026-01-02 03:04:05,678 ERROR ",
        "worker-0 | ",
    ] {
        let output = prefixed(prefix, &error);
        assert_eq!(text(&output), "ValueError: no such layer", "{output}");
        let warned =
            format!("{output}{}[W] a group of processes was left open\n", prefix.trim_end());
        assert_eq!(text(&warned), "ValueError: no such layer", "{warned}");
    }
    let clock: String = error
        .lines()
        .enumerate()
        .map(|(at, line)| format!("2026-01-02T03:04:{at:02}.{at}00Z {line}\n"))
        .collect();
    assert_eq!(text(&clock), "ValueError: no such layer");
    // Two ranks at a time.
    let other = prefixed("[rank1]: ", &raised("ValueError: no such layer either"));
    let mixed: String = prefixed("[rank0]: ", &error)
        .lines()
        .zip(other.lines())
        .map(|(one, two)| format!("{one}\n{two}\n"))
        .collect();
    assert_eq!(text(&mixed), "ValueError: no such layer either");
}

#[test]
fn what_started_the_program_says_less_than_the_program() {
    let child = prefixed("[rank0]: ", &raised("torch.OutOfMemoryError: no room"));
    let torchrun = format!(
        "{child}{}====\ntrain.py FAILED\n----\nFailures:\n  <NO_OTHER_FAILURES>\n----\nRoot Cause:\n[0]:\n  \
         time      : 2026\n  host      : a\n  rank      : 0\n  exitcode  : 1\n====\n",
        raised("torch.distributed.elastic.multiprocessing.errors.ChildFailedError: ")
    );
    let memory = Some(("torch.OutOfMemoryError: no room".into(), Some(Class::OutOfMemory)));
    assert_eq!(diagnosed(&torchrun), memory);
    let starter =
        raised("subprocess.CalledProcessError: Command 'x' returned non-zero exit status 1.");
    let started = format!("{}{starter}", raised("torch.OutOfMemoryError: no room"));
    assert_eq!(diagnosed(&started), memory);
    assert!(text(&starter).starts_with("subprocess.CalledProcessError"));
}

const EXCEPTION_GROUP: &str = "  + Exception Group Traceback (most recent call last):
  |   File \"/tmp/group.py\", line 1, in <module>
  |     raise ExceptionGroup(\"two\", [ValueError(\"one\"), MemoryError(\"two\")])
  | ExceptionGroup: two (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | ValueError: one
    +---------------- 2 ----------------
    | Traceback (most recent call last):
    |   File \"/tmp/group.py\", line 9, in f
    |     g()
    | MemoryError: two
    +------------------------------------
";

#[test]
fn a_group_is_named_with_its_members() {
    let words = "ExceptionGroup: two (2 sub-exceptions): ValueError: one; MemoryError: two";
    let memory = Some((words.into(), Some(Class::OutOfMemory)));
    assert_eq!(diagnosed(EXCEPTION_GROUP), memory);
    assert_eq!(diagnosed(&prefixed("[rank0]: ", EXCEPTION_GROUP)), memory);
    assert_eq!(diagnosed(&format!("\r 20%|##  |{EXCEPTION_GROUP}warning: left open\n")), memory);
    let nested = "  + Exception Group Traceback (most recent call last):
  |   File \"t.py\", line 3, in <module>
  | ExceptionGroup: outer (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Exception Group Traceback (most recent call last):
    |   File \"t.py\", line 1, in f
    | ExceptionGroup: inner (1 sub-exception)
    +-+---------------- 1 ----------------
      | ModuleNotFoundError: No module named 'x'
      +------------------------------------
    +---------------- 2 ----------------
    | ValueError: b
    +------------------------------------
";
    let (words, class) = diagnosed(nested).expect("a diagnosis");
    assert_eq!(class, Some(Class::ImportError));
    assert!(words.starts_with("ExceptionGroup: outer (2 sub-exceptions): "), "{words}");
    assert!(words.ends_with("ModuleNotFoundError: No module named 'x'; ValueError: b"), "{words}");
    // A group that was handled, and what came of that.
    let chained = format!(
        "{EXCEPTION_GROUP}\nDuring handling of the above exception, another exception occurred:\n\n{}",
        raised("KeyError: 'x'")
    );
    assert_eq!(diagnosed(&chained), Some(("KeyError: 'x'".into(), None)));
}

#[test]
fn lack_of_memory_has_many_names() {
    for error in [
        "MemoryError",
        "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 40. GiB",
        "torch.cuda.OutOfMemoryError: CUDA out of memory.",
        "RuntimeError: CUDA error: out of memory",
        "RuntimeError: [enforce fail at alloc_cpu.cpp:118] . DefaultCPUAllocator: can't allocate memory: you tried",
        "RuntimeError: HIP error: hipErrorOutOfMemory",
        "jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory allocating 17 bytes.",
        "tensorflow.python.framework.errors_impl.ResourceExhaustedError: OOM when allocating tensor",
        "RuntimeError: MPS backend out of memory (MPS allocated: 9 GB)",
        "OSError: [Errno 12] Cannot allocate memory",
        "cupy_backends.cuda.api.runtime.CUDARuntimeError: cudaErrorMemoryAllocation: out of memory",
        "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "RuntimeError: std::bad_alloc",
    ] {
        assert_eq!(
            diagnosed(&raised(error)).and_then(|words| words.1),
            Some(Class::OutOfMemory),
            "{error}"
        );
    }
    for error in [
        "AssertionError: expected 'out of memory' in the log",
        "RuntimeError: the model has gone",
        "ValueError: memory must be positive",
    ] {
        assert_eq!(diagnosed(&raised(error)).and_then(|words| words.1), None, "{error}");
    }
}

#[test]
fn errors_of_other_languages_come_before_their_frames() {
    let node = "throw new Error(\"x\")\n^\n\nError: no such layer\n    at f (/t.js:1:7)\n    at g (/t.js:2:1)\n\nNode.js v20.1.0\n";
    assert_eq!(text(node), "Error: no such layer");
    let java = "Exception in thread \"main\" java.lang.OutOfMemoryError: Java heap space\n\tat T.main(T.java:3)\n";
    assert!(text(java).ends_with("Java heap space"));
    let native = "terminate called after throwing an instance of 'std::runtime_error'\n  what():  no such layer\nAborted (core dumped)\n";
    assert_eq!(text(native), "what():  no such layer");
    let fault = "Fatal Python error: Segmentation fault\n\nCurrent thread 0x1 (most recent call first):\n  File \"t.py\", line 3 in <module>\n";
    assert_eq!(text(fault), "Fatal Python error: Segmentation fault");
}

proptest! {
    #[test]
    fn no_output_panics(output in "(Traceback \\(most recent call last\\):|  \\+ Exception Group |\\n|\\r|  \\||\\+-|E: x| |\u{1b}\\[|[0-9]|é){0,60}") {
        if let Some(words) = diagnose(output.as_bytes()) {
            prop_assert!(words.text.chars().count() <= MAX_QUOTE_CHARS);
            prop_assert!(!words.text.chars().any(char::is_control));
        }
    }
}
