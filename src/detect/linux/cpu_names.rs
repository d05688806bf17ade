//! Names of processors that report only numbers: cores of ARM and machines of IBM.

/// The name of a core, from the registers that `/proc/cpuinfo` shows as `CPU implementer` and `CPU part`.
pub(super) fn arm_core(implementer: &str, part: &str) -> String {
    let number = |text: &str| {
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
        u32::from_str_radix(digits, 16).ok()
    };
    let (Some(maker), Some(core)) = (number(implementer), number(part)) else {
        return format!("ARM processor (implementer {implementer}, part {part})");
    };
    let maker_name = MAKERS.iter().find(|(id, _)| *id == maker).map(|(_, name)| *name);
    let core_name = CORES.iter().find(|(id, at, _)| (*id, *at) == (maker, core));
    match (maker_name, core_name) {
        (Some(maker), Some((_, _, core))) => format!("{maker} {core}"),
        (Some(maker), None) => format!("{maker} processor (part {core:#05x})"),
        (None, _) => format!("ARM processor (implementer {maker:#04x}, part {core:#05x})"),
    }
}

/// The name of a machine, from its type in `/proc/cpuinfo` of s390x.
pub(super) fn s390_machine(machine: &str) -> String {
    match S390.iter().find(|(number, _)| *number == machine) {
        Some((_, name)) => format!("IBM {name} (machine {machine})"),
        None => format!("IBM/S390 (machine {machine})"),
    }
}

const MAKERS: &[(u32, &str)] = &[
    (0x41, "ARM"),
    (0x42, "Broadcom"),
    (0x43, "Cavium"),
    (0x46, "Fujitsu"),
    (0x48, "HiSilicon"),
    (0x4e, "NVIDIA"),
    (0x50, "APM"),
    (0x51, "Qualcomm"),
    (0x53, "Samsung"),
    (0x56, "Marvell"),
    (0x61, "Apple"),
    (0x69, "Intel"),
    (0x6d, "Microsoft"),
    (0x70, "Phytium"),
    (0xc0, "Ampere"),
];

const CORES: &[(u32, u32, &str)] = &[
    (0x41, 0xb76, "ARM1176"),
    (0x41, 0xc05, "Cortex-A5"),
    (0x41, 0xc07, "Cortex-A7"),
    (0x41, 0xc08, "Cortex-A8"),
    (0x41, 0xc09, "Cortex-A9"),
    (0x41, 0xc0e, "Cortex-A17"),
    (0x41, 0xc0f, "Cortex-A15"),
    (0x41, 0xd01, "Cortex-A32"),
    (0x41, 0xd02, "Cortex-A34"),
    (0x41, 0xd03, "Cortex-A53"),
    (0x41, 0xd04, "Cortex-A35"),
    (0x41, 0xd05, "Cortex-A55"),
    (0x41, 0xd06, "Cortex-A65"),
    (0x41, 0xd07, "Cortex-A57"),
    (0x41, 0xd08, "Cortex-A72"),
    (0x41, 0xd09, "Cortex-A73"),
    (0x41, 0xd0a, "Cortex-A75"),
    (0x41, 0xd0b, "Cortex-A76"),
    (0x41, 0xd0c, "Neoverse-N1"),
    (0x41, 0xd0d, "Cortex-A77"),
    (0x41, 0xd0e, "Cortex-A76AE"),
    (0x41, 0xd40, "Neoverse-V1"),
    (0x41, 0xd41, "Cortex-A78"),
    (0x41, 0xd42, "Cortex-A78AE"),
    (0x41, 0xd44, "Cortex-X1"),
    (0x41, 0xd46, "Cortex-A510"),
    (0x41, 0xd47, "Cortex-A710"),
    (0x41, 0xd48, "Cortex-X2"),
    (0x41, 0xd49, "Neoverse-N2"),
    (0x41, 0xd4a, "Neoverse-E1"),
    (0x41, 0xd4b, "Cortex-A78C"),
    (0x41, 0xd4c, "Cortex-X1C"),
    (0x41, 0xd4d, "Cortex-A715"),
    (0x41, 0xd4e, "Cortex-X3"),
    (0x41, 0xd4f, "Neoverse-V2"),
    (0x41, 0xd80, "Cortex-A520"),
    (0x41, 0xd81, "Cortex-A720"),
    (0x41, 0xd82, "Cortex-X4"),
    (0x41, 0xd83, "Neoverse-V3AE"),
    (0x41, 0xd84, "Neoverse-V3"),
    (0x41, 0xd85, "Cortex-X925"),
    (0x41, 0xd87, "Cortex-A725"),
    (0x41, 0xd8e, "Neoverse-N3"),
    (0x42, 0x516, "ThunderX2"),
    (0x43, 0x0a1, "ThunderX"),
    (0x43, 0x0af, "ThunderX2"),
    (0x46, 0x001, "A64FX"),
    (0x48, 0xd01, "TaiShan-v110"),
    (0x48, 0xd02, "TaiShan-v120"),
    (0x4e, 0x003, "Denver 2"),
    (0x4e, 0x004, "Carmel"),
    (0x50, 0x000, "X-Gene"),
    (0x51, 0x001, "Oryon"),
    (0x51, 0x800, "Kryo 2XX Gold"),
    (0x51, 0x801, "Kryo 2XX Silver"),
    (0x51, 0x804, "Kryo 4XX Gold"),
    (0x51, 0x805, "Kryo 4XX Silver"),
    (0x51, 0xc00, "Falkor"),
    (0x61, 0x022, "Icestorm"),
    (0x61, 0x023, "Firestorm"),
    (0x61, 0x032, "Blizzard"),
    (0x61, 0x033, "Avalanche"),
    (0x6d, 0xd49, "Azure Cobalt 100"),
    (0xc0, 0xac3, "Ampere-1"),
    (0xc0, 0xac4, "Ampere-1A"),
];

const S390: &[(&str, &str)] = &[
    ("2094", "z9 EC"),
    ("2096", "z9 BC"),
    ("2097", "z10 EC"),
    ("2098", "z10 BC"),
    ("2817", "z196"),
    ("2818", "z114"),
    ("2827", "zEC12"),
    ("2828", "zBC12"),
    ("2964", "z13"),
    ("2965", "z13s"),
    ("3906", "z14"),
    ("3907", "z14 ZR1"),
    ("8561", "z15 T01"),
    ("8562", "z15 T02"),
    ("3931", "z16 A01"),
    ("3932", "z16 A02"),
    ("9175", "z17"),
];
