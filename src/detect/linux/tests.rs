//! Facts about recorded machines. The expected values are checked by hand against the captures.

use super::*;
use crate::detect::tests::recorded;
use proptest::prelude::*;

macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!("../../../tests/data/detect/", $name))
    };
}

const GIB: u64 = 1 << 30;

fn of(files: &[(&str, &str)]) -> Machine {
    recorded(files, machine)
}

fn cpuinfo(text: &str) -> Machine {
    of(&[("proc/cpuinfo", text)])
}

/// The number of logical and of physical cores.
fn cores(machine: &Machine) -> (Option<u64>, Option<u64>) {
    (machine.logical_cores.value, machine.physical_cores.value)
}

fn model_and_arch(machine: &Machine) -> (&str, &str) {
    let text = |fact: &'_ Fact<String>| fact.value.clone().unwrap_or_default().leak() as &str;
    (text(&machine.cpu_model), text(&machine.arch))
}

#[test]
fn nothing_is_known_of_an_empty_directory() {
    let machine = of(&[]);
    assert_eq!(cores(&machine), (None, None));
    assert_eq!((machine.cpu_milli.value, machine.memory_bytes.value), (None, None));
    assert_eq!((machine.cpu_model.value, machine.arch.value), (None, None));
    assert_eq!((machine.container.value, machine.memory_limit_bytes.value), (None, Some(None)));
}

#[test]
fn captures_of_processors_are_read() {
    let x86 = cpuinfo(sample!("linux-cpuinfo-ansible-x86_64-4cpu.txt"));
    assert_eq!(model_and_arch(&x86), ("Dual-Core AMD Opteron(tm) Processor 2216", "x86_64"));
    assert_eq!(cores(&x86), (Some(4), Some(4)), "two sockets with two cores each");
    assert_eq!(x86.cpu_milli.value, Some(4000));
    let arm = cpuinfo(sample!("linux-cpuinfo-ansible-aarch64-4cpu.txt"));
    assert_eq!(model_and_arch(&arm), ("AArch64 Processor rev 4 (aarch64)", "aarch64"));
    assert_eq!(cores(&arm), (Some(4), Some(4)));
    let s390 = cpuinfo(sample!("linux-cpuinfo-ansible-s390x-z13-2cpu.txt"));
    assert_eq!(model_and_arch(&s390), ("IBM z13 (machine 2964)", "s390x"));
    assert_eq!(cores(&s390), (Some(2), Some(2)));
    let power = cpuinfo(sample!("linux-cpuinfo-power9.txt"));
    assert_eq!(model_and_arch(&power), ("POWER9, altivec supported", "powerpc64"));
    assert_eq!(power.logical_cores.value, Some(176));
}

#[test]
fn other_forms_of_cpuinfo_are_read() {
    for (text, model, arch, count) in [
        (
            "processor\t: 0\nhart\t\t: 1\nisa\t\t: rv64imafdc\nmmu\t\t: sv39\nuarch\t\t: sifive,u74-mc\n\nprocessor\t: 1\nhart\t\t: 2\nisa\t\t: rv64imafdc\nuarch\t\t: sifive,u74-mc\n",
            "sifive,u74-mc",
            "riscv64",
            2,
        ),
        (
            "processor\t: 0\nhart\t\t: 0\nisa\t\t: rv64imafdc_zicntr\n",
            "RISC-V rv64imafdc_zicntr",
            "riscv64",
            1,
        ),
        (
            "system type\t\t: generic-loongson-machine\n\nprocessor\t\t: 0\npackage\t\t\t: 0\nCPU Family\t\t: Loongson-64bit\nModel Name\t\t: Loongson-3A5000\n",
            "Loongson-3A5000",
            "loongarch64",
            1,
        ),
        (
            "cpu\t\t: UltraSparc T2 (Niagara2)\nfpu\t\t: UltraSparc T2 integrated FPU\nncpus probed\t: 64\nncpus active\t: 64\n",
            "UltraSparc T2 (Niagara2)",
            "sparc64",
            64,
        ),
        (
            "cpu\t\t\t: Alpha\ncpu model\t\t: EV6\ncpus detected\t\t: 2\ncpus active\t\t: 1\n",
            "EV6",
            "alpha",
            1,
        ),
        (
            "Processor\t: ARMv7 Processor rev 4 (v7l)\nprocessor\t: 0\nBogoMIPS\t: 38.40\n\nprocessor\t: 1\nBogoMIPS\t: 38.40\n\nFeatures\t: half thumb\nCPU implementer\t: 0x41\nCPU architecture: 7\nCPU part\t: 0xc07\nHardware\t: Allwinner\n",
            "ARMv7 Processor rev 4 (v7l)",
            "arm",
            2,
        ),
        (
            "processor\t: 0\nBogoMIPS\t: 2000.00\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: 0xd87\n\nprocessor\t: 1\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: 0xd85\n",
            "ARM Cortex-A725 + ARM Cortex-X925",
            "aarch64",
            2,
        ),
        (
            "processor\t: 0\nCPU implementer\t: 0x99\nCPU architecture: 8\nCPU part\t: 0x123\n",
            "ARM processor (implementer 0x99, part 0x123)",
            "aarch64",
            1,
        ),
        (
            "processor 0: version = FF,  identification = 33C0E8,  machine = 9999\n",
            "IBM/S390 (machine 9999)",
            "s390x",
            1,
        ),
        (
            "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Xeon(R) CPU           X5650  @ 2.67GHz\nflags\t\t: fpu lm\n",
            "Intel(R) Xeon(R) CPU X5650 @ 2.67GHz",
            "x86_64",
            1,
        ),
    ] {
        let machine = cpuinfo(text);
        assert_eq!(model_and_arch(&machine), (model, arch));
        assert_eq!(machine.logical_cores.value, Some(count), "{model}");
    }
    let board = [
        ("proc/cpuinfo", "processor\t: 0\nBogoMIPS\t: 1\n"),
        ("proc/device-tree/model", "Raspberry Pi 5\0"),
    ];
    assert_eq!(of(&board).cpu_model.value.as_deref(), Some("Raspberry Pi 5"));
    let kernel = [("proc/sys/kernel/arch", "ppc64le\n")];
    assert_eq!(of(&kernel).arch.value.as_deref(), Some("powerpc64"));
}

#[test]
fn threads_of_a_core_are_one_core_and_offline_processors_do_not_count() {
    let files = [
        ("sys/devices/system/cpu/online", "0-2,4-5\n"),
        ("sys/devices/system/cpu/present", "0-7\n"),
        ("sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0,4\n"),
        ("sys/devices/system/cpu/cpu1/topology/core_cpus_list", "1,5\n"),
        ("sys/devices/system/cpu/cpu2/topology/thread_siblings", "00000044\n"),
        ("proc/self/status", "Name:\tx\nCpus_allowed_list:\t0-1023\n"),
    ];
    let machine = of(&files);
    assert_eq!(cores(&machine), (Some(5), Some(3)));
    assert_eq!(machine.cpu_milli.value, Some(5000));
    // A part of the topology is missing, so it is not used.
    assert_eq!(cores(&of(&files[..4])), (Some(5), Some(5)));
    let pinned = [&files[..5], &[("proc/self/status", "Cpus_allowed:\t00000031\n")]].concat();
    assert_eq!(cores(&of(&pinned)), (Some(3), Some(3)));
}

#[test]
fn processors_without_a_list_of_those_online_are_found_by_their_directories() {
    let files = [
        ("sys/devices/system/cpu/cpu0/x", ""),
        ("sys/devices/system/cpu/cpu1/online", "1\n"),
        ("sys/devices/system/cpu/cpu2/online", "0\n"),
        ("sys/devices/system/cpu/cpufreq/x", ""),
    ];
    assert_eq!(of(&files).logical_cores.value, Some(2));
}

#[test]
fn kinds_of_cores_are_named() {
    let intel = [
        ("sys/devices/cpu_core/cpus", "0-15\n"),
        ("sys/devices/cpu_atom/cpus", "16-23\n"),
        ("sys/devices/system/cpu/online", "0-23\n"),
    ];
    let kinds = of(&intel).core_kinds.value.expect("kinds");
    assert_eq!(kinds, [("performance".to_owned(), 16), ("efficient".to_owned(), 8)]);
    let arm = [
        ("sys/devices/system/cpu/online", "0-2\n"),
        ("sys/devices/system/cpu/cpu0/cpu_capacity", "446\n"),
        ("sys/devices/system/cpu/cpu1/cpu_capacity", "1024\n"),
        ("sys/devices/system/cpu/cpu2/cpu_capacity", "446\n"),
    ];
    let kinds = of(&arm).core_kinds.value.expect("kinds");
    assert_eq!(kinds, [("capacity 1024".to_owned(), 1), ("capacity 446".to_owned(), 2)]);
    assert_eq!(of(&arm[..2]).core_kinds.value, None);
}

#[test]
fn quotas_keep_their_fraction() {
    let files = [
        ("sys/devices/system/cpu/online", "0-15\n"),
        ("proc/self/status", "Cpus_allowed_list:\t0-15\n"),
        ("proc/self/cgroup", "0::/\n"),
        ("proc/meminfo", "MemTotal: 65000000 kB\nMemAvailable: 60000000 kB\n"),
        ("sys/fs/cgroup/cpu.max", "150000 100000\n"),
        ("sys/fs/cgroup/memory.max", "2147483648\n"),
        (".dockerenv", ""),
    ];
    let machine = of(&files);
    assert_eq!((machine.cpu_milli.value, machine.logical_cores.value), (Some(1500), Some(2)));
    assert_eq!(machine.physical_cores.value, Some(16));
    assert_eq!(machine.memory_limit_bytes.value, Some(Some(2 * GIB)));
    assert_eq!(machine.usable_bytes(), Some(2 * GIB));
    assert_eq!(machine.memory_bytes.value, Some(65_000_000 * 1024));
    assert_eq!(machine.container.value.as_deref(), Some("docker"));
    let limits = recorded(&files, limits);
    assert_eq!((limits.cpu_milli, limits.memory_bytes), (Some(1500), Some(2 * GIB)));
}

#[test]
fn the_capture_of_a_container_of_version_1_is_limited() {
    let summary = sample!("container-docker-v1-limited.txt");
    let value = |name: &str| {
        let line = summary.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
        line.trim_start_matches('=').to_owned()
    };
    assert_eq!((value("nproc").as_str(), value("mem total").trim()), ("64", "257581 MB"));
    let (quota, memory) = (
        value("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
        value("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
    );
    let files = [
        ("sys/devices/system/cpu/online", "0-63"),
        ("proc/meminfo", "MemTotal: 263762944 kB\n"),
        ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", &*quota),
        ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000"),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", &*memory),
    ];
    let machine = of(&files);
    assert_eq!((machine.cpu_milli.value, machine.logical_cores.value), (Some(8000), Some(8)));
    assert_eq!(machine.memory_limit_bytes.value, Some(Some(8 * GIB)));
}

/// The files of a capture with the headers `==> name <==`.
fn tree(text: &'static str) -> Vec<(&'static str, &'static str)> {
    let sections = text.split("==> ").skip(1);
    sections.filter_map(|section| section.split_once(" <==\n")).collect()
}

#[test]
fn the_capture_of_a_tree_with_version_2_is_read() {
    let machine = of(&tree(sample!("linux-cgroup-tree-v2-hwloc.txt")));
    assert_eq!(machine.logical_cores.value, Some(6), "the set of the job is 0-5");
    assert_eq!((machine.cpu_milli.value, machine.physical_cores.value), (Some(6000), Some(32)));
    assert_eq!(machine.memory_bytes.value, Some(132_295_672 * 1024));
    assert_eq!(machine.container.value, None);
}

#[test]
fn the_captures_of_both_versions_are_read() {
    let all = tree(sample!("linux-cgroup-fixtures-num_cpus.txt"));
    let file = |name: &str| all.iter().find(|(path, _)| *path == name).expect(name).1;
    for (mounts, milli) in
        [("mountinfo", 6000), ("mountinfo_multi_opt", 6000), ("mountinfo_zero_opt", 6000)]
    {
        let mounts = file(&format!("cgroups/proc/cgroups/{mounts}"));
        let files = [
            ("sys/devices/system/cpu/online", "0-63"),
            ("proc/self/cgroup", file("cgroups/proc/cgroups/cgroup")),
            ("proc/self/mountinfo", mounts),
            (
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us",
                file("cgroups/cgroups/good/cpu.cfs_quota_us"),
            ),
            (
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us",
                file("cgroups/cgroups/good/cpu.cfs_period_us"),
            ),
        ];
        assert_eq!(of(&files).cpu_milli.value, Some(milli));
    }
    for (name, milli) in [("ceil", 1500), ("good", 6000), ("zero-period", 64_000)] {
        let quota = file(&format!("cgroups/cgroups/{name}/cpu.cfs_quota_us"));
        let period = file(&format!("cgroups/cgroups/{name}/cpu.cfs_period_us"));
        let version_1 = [
            ("sys/devices/system/cpu/online", "0-63"),
            ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", quota),
            ("sys/fs/cgroup/cpu/cpu.cfs_period_us", period),
        ];
        assert_eq!(of(&version_1).cpu_milli.value, Some(milli), "version 1, {name}");
        let version_2 = [
            ("sys/devices/system/cpu/online", "0-63"),
            ("proc/self/cgroup", file("cgroups2/proc/cgroups/cgroup")),
            ("proc/self/mountinfo", file("cgroups2/proc/cgroups/mountinfo")),
            ("sys/fs/cgroup/cpu.max", file(&format!("cgroups2/cgroups/{name}/cpu.max"))),
        ];
        assert_eq!(of(&version_2).cpu_milli.value, Some(milli), "version 2, {name}");
    }
}

#[test]
fn the_captures_of_control_groups_restrict_their_processes() {
    let v1 = [
        ("sys/devices/system/cpu/online", "0-175"),
        ("proc/self/cgroup", sample!("linux-proc-self-cgroup-v1-power9.txt")),
        ("sys/fs/cgroup/cpuset/jjh/cpuset.cpus", "0-87"),
        ("sys/fs/cgroup/cpuset/cpuset.cpus", "0-175"),
        ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1"),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854710272"),
    ];
    let machine = of(&v1);
    assert_eq!(
        (machine.cpu_milli.value, machine.memory_limit_bytes.value),
        (Some(88_000), Some(None))
    );
    let v2 = [
        ("sys/devices/system/cpu/online", "0-19"),
        ("proc/meminfo", sample!("linux-meminfo-dgx-gb10.txt")),
        ("proc/self/cgroup", sample!("linux-proc-self-cgroup-dgx-gb10.txt")),
        ("sys/fs/cgroup/user.slice/user-61469.slice/memory.max", "34359738368"),
        ("sys/fs/cgroup/user.slice/cpu.max", "max 100000"),
    ];
    let machine = of(&v2);
    assert_eq!(machine.cpu_milli.value, Some(20_000));
    assert_eq!(machine.memory_bytes.value, Some(125_508_468 * 1024));
    assert_eq!(machine.available_bytes.value, Some(121_737_812 * 1024));
    assert_eq!(machine.memory_limit_bytes.value, Some(Some(32 * GIB)));
}

#[test]
fn memory_nodes_without_processors_are_devices() {
    let files = [
        ("proc/meminfo", "MemTotal: 358162944 kB\n"),
        ("sys/devices/system/node/node0/meminfo", "Node 0 MemTotal:       128749824 kB\n"),
        ("sys/devices/system/node/node0/cpulist", "0-87\n"),
        ("sys/devices/system/node/node8/meminfo", "Node 8 MemTotal:       128749824 kB\n"),
        ("sys/devices/system/node/node8/cpulist", "\n"),
        ("sys/devices/system/node/node8/cpu88/online", "0\n"),
        ("sys/devices/system/node/node255/meminfo", "Node 255 MemTotal:     100663296 kB\n"),
        ("sys/devices/system/node/node255/cpulist", "\n"),
    ];
    let machine = of(&files);
    assert_eq!(machine.memory_bytes.value, Some(2 * 128_749_824 * 1024));
    assert_eq!(of(&files[..3]).memory_bytes.value, Some(358_162_944 * 1024));
}

#[test]
fn available_memory_of_old_kernels_is_added_up() {
    let text = "MemTotal: 100 kB\nMemFree: 10 kB\nBuffers: 5 kB\nCached: 20 kB\n";
    assert_eq!(of(&[("proc/meminfo", text)]).available_bytes.value, Some(35 * 1024));
    assert_eq!(of(&[("proc/meminfo", "MemTotal: 100 kB\n")]).available_bytes.value, None);
    for text in ["MemTotal: kB\n", "MemTotal: 99999999999999999999 kB\n", "MemTotal: 1 MB\n", ""] {
        assert_eq!(of(&[("proc/meminfo", text)]).memory_bytes.value, None, "{text}");
    }
}

#[test]
fn containers_are_recognised_by_the_first_evidence() {
    let docker_root = "593 592 0:52 / / rw - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/X:/y,upperdir=/z\n";
    let machine_with_docker = "30 1 8:1 / / rw - ext4 /dev/sda1 rw\n99 30 0:52 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/X\n";
    for (files, kind) in [
        (vec![("run/systemd/container", "systemd-nspawn\n")], Some("systemd-nspawn")),
        (vec![("run/systemd/container", "podman\n"), (".dockerenv", "")], Some("podman")),
        (vec![("proc/1/environ", "PATH=/bin\0container=lxc\0")], Some("lxc")),
        (vec![("run/.containerenv", "engine=\"podman-4.9\"\n")], Some("podman")),
        (vec![(".dockerenv", "")], Some("docker")),
        (
            vec![("proc/self/environ", "A=b\0KUBERNETES_SERVICE_HOST=10.0.0.1\0")],
            Some("kubernetes"),
        ),
        (vec![("var/run/secrets/kubernetes.io/serviceaccount/token", "x")], Some("kubernetes")),
        (vec![("proc/self/cgroup", "12:pids:/kubepods/burstable/pod1/abc\n")], Some("kubernetes")),
        (vec![("proc/self/cgroup", "0::/system.slice/docker-0123.scope\n")], Some("docker")),
        (vec![("proc/self/cgroup", "4:memory:/docker/0123\n")], Some("docker")),
        (vec![("proc/self/cgroup", "0::/machine.slice/libpod-12.scope\n")], Some("podman")),
        (vec![("proc/self/cgroup", "0::/lxc.payload.web\n")], Some("lxc")),
        (
            vec![("proc/self/cgroup", "0::/\n"), ("proc/self/mountinfo", docker_root)],
            Some("docker"),
        ),
        // A machine that runs containers is not a container.
        (vec![("proc/self/cgroup", "0::/system.slice/docker.service\n")], None),
        (vec![("proc/self/mountinfo", machine_with_docker)], None),
        (vec![("run/systemd/container", "\u{1b}[31m; rm\n")], None),
        (vec![("proc/sys/kernel/osrelease", "5.15.153.1-microsoft-standard-WSL2\n")], Some("wsl")),
        (
            vec![("proc/sys/kernel/osrelease", "4.4.0-19041-Microsoft\n"), (".dockerenv", "")],
            Some("wsl+docker"),
        ),
        (vec![("proc/sys/kernel/osrelease", "6.8.0-1014-azure\n")], None),
        (
            vec![
                ("run/systemd/container", "wsl\n"),
                ("proc/self/environ", "WSL_DISTRO_NAME=Ubuntu\0"),
            ],
            Some("wsl"),
        ),
    ] {
        assert_eq!(of(&files).container.value.as_deref(), kind, "{files:?}");
    }
}

/// Parts of real files in random combinations.
fn content() -> impl Strategy<Value = String> {
    let sources = [
        sample!("linux-cpuinfo-ansible-x86_64-4cpu.txt"),
        sample!("linux-cpuinfo-ansible-s390x-z13-2cpu.txt"),
        sample!("linux-cgroup-tree-v2-hwloc.txt"),
        sample!("linux-meminfo-dgx-gb10.txt"),
        "Cpus_allowed_list:\t0-3\n0::/a/b\n150000 100000\nmax\n-1\n0-99999999999\n",
    ];
    let piece = (0..sources.len(), any::<u16>(), any::<u16>()).prop_map(move |(at, from, to)| {
        let text = sources[at];
        let place = |number: u16| text.floor_char_boundary(usize::from(number) % (text.len() + 1));
        let (from, to) = (place(from).min(place(to)), place(from).max(place(to)));
        text[from..to].to_owned()
    });
    prop::collection::vec(prop_oneof![piece, any::<String>()], 0..3).prop_map(|all| all.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// No content of a file makes the detection panic, or leads to zero processors or memory.
    #[test]
    fn no_file_breaks_the_detection(texts in prop::collection::vec(content(), 8)) {
        const PATHS: [&str; 8] = [
            "proc/cpuinfo", "proc/meminfo", "proc/self/status", "proc/self/cgroup", "proc/self/mountinfo",
            "sys/devices/system/cpu/online", "sys/fs/cgroup/cpu.max", "sys/fs/cgroup/memory.max",
        ];
        let files: Vec<_> = PATHS.into_iter().zip(texts.iter().map(String::as_str)).collect();
        let machine = of(&files);
        for known in [machine.cpu_milli.value, machine.logical_cores.value, machine.physical_cores.value] {
            prop_assert!(known != Some(0), "{machine:?}");
        }
    }
}
