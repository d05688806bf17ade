//! The XML report of `nvidia-smi -q -x`. Every element is optional, since the versions of the report
//! differ.
//!
//! Limits: elements nested at most [`MAX_DEPTH`] deep; the size of the text is that of a tool's output.

use super::card::Fields;
use quick_xml::Reader;
use quick_xml::events::Event;

const ROOT: &str = "<nvidia_smi_log";
const MAX_DEPTH: usize = 32;

/// An element, with the text directly in it.
#[derive(Debug, Default)]
struct Element {
    name: String,
    id: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text at a path of elements, separated by slashes; empty if there is none.
    fn text(&self, path: &str) -> &str {
        let element = path.split('/').try_fold(self, |element, name| element.child(name));
        element.map_or("", |element| element.text.trim())
    }
}

/// One device of the report.
#[derive(Debug)]
pub(super) struct XmlCard {
    pub fields: Fields,
    /// None if the report has no list of slices, as for a device that cannot be divided.
    pub slices: Option<Vec<XmlSlice>>,
}

/// One slice of a device in MIG mode.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct XmlSlice {
    /// Number of the slice among those of its device.
    pub index: u16,
    /// Number of the GPU instance, which has the memory. Several compute instances can share it.
    pub gpu_instance: Option<u32>,
    pub compute_instance: Option<u32>,
    pub uuid: String,
    /// Memory of the GPU instance, as printed.
    pub memory: String,
}

/// The devices of a report that may have other text around it; None if there is no complete report.
pub(super) fn cards(output: &str) -> Option<Vec<XmlCard>> {
    let start = output.find(ROOT)?;
    let log = parse(output.get(start..)?)?;
    let driver = log.text("driver_version");
    let all = log.all("gpu").enumerate();
    Some(all.map(|(position, gpu)| card(position, gpu, driver)).collect())
}

fn card(position: usize, gpu: &Element, driver: &str) -> XmlCard {
    let text = |path: &str| gpu.text(path).to_owned();
    let bus = Some(text("pci/pci_bus_id")).filter(|bus| !bus.is_empty());
    let fields = Fields {
        index: position.to_string(),
        name: text("product_name"),
        uuid: text("uuid"),
        bus: bus.unwrap_or_else(|| gpu.id.clone()),
        memory: text("fb_memory_usage/total"),
        driver: driver.to_owned(),
        capability: String::new(),
        mig: text("mig_mode/current_mig"),
        addressing: text("addressing_mode"),
    };
    let slices = gpu.child("mig_devices").map(|list| list.all("mig_device").filter_map(slice));
    XmlCard { fields, slices: slices.map(Iterator::collect) }
}

fn slice(element: &Element) -> Option<XmlSlice> {
    Some(XmlSlice {
        index: element.text("index").parse().ok()?,
        gpu_instance: element.text("gpu_instance_id").parse().ok(),
        compute_instance: element.text("compute_instance_id").parse().ok(),
        uuid: element.text("uuid").to_owned(),
        memory: element.text("fb_memory_usage/total").to_owned(),
    })
}

/// Parses the first element of the text; None if it is not complete.
fn parse(text: &str) -> Option<Element> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    loop {
        let done = match reader.read_event().ok()? {
            Event::Start(tag) if open.len() < MAX_DEPTH => {
                let id =
                    tag.attributes().flatten().find(|attribute| attribute.key.as_ref() == "id");
                open.push(Element {
                    name: tag.name().as_ref().to_owned(),
                    id: id.map(|id| id.value.to_string()).unwrap_or_default(),
                    ..Element::default()
                });
                None
            }
            Event::Start(_) | Event::Eof => return None,
            Event::Empty(tag) => {
                let name = tag.name().as_ref().to_owned();
                Some(Element { name, ..Element::default() })
            }
            Event::End(_) => open.pop(),
            Event::Text(text) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text);
                }
                None
            }
            _ => None,
        };
        if let Some(element) = done {
            match open.last_mut() {
                Some(parent) => parent.children.push(element),
                None => return Some(element),
            }
        }
    }
}
