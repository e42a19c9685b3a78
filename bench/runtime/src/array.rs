//! The map of the 2008 driver, from its description: three levels of arrays, each indexed by 13 bits of the
//! number of a section, an entry of 8 bytes for each section with its hardware address. What is missing is
//! a null pointer, or an entry that says so. Readers and writers had to keep away from each other.

const BITS: u32 = 13;
const ENTRIES: usize = 1 << BITS;
const HOLE: u64 = u64::MAX;

/// Top, directories, entries.
pub struct Array {
    shift: u32,
    top: Box<[Option<Box<Directory>>]>,
}

struct Directory {
    pages: Box<[Option<Box<Page>>]>,
}

struct Page {
    hardware: Box<[u64; ENTRIES]>,
}

impl Array {
    /// For sections of so many bytes as a power of two.
    pub fn new(shift: u32) -> Array {
        Array { shift, top: (0..ENTRIES).map(|_| None).collect() }
    }

    /// Maps a section. The number has 39 bits at most.
    pub fn insert(&mut self, section: u64, hardware: u64) {
        let (top, directory, entry) = indices(section);
        let directories = self.top[top].get_or_insert_with(|| {
            Box::new(Directory { pages: (0..ENTRIES).map(|_| None).collect() })
        });
        let page = directories.pages[directory].get_or_insert_with(|| {
            Box::new(Page { hardware: vec![HOLE; ENTRIES].try_into().expect("as many entries") })
        });
        page.hardware[entry] = hardware;
    }

    /// Where an address is for the hardware.
    #[inline]
    pub fn translate(&self, address: u64) -> Option<u64> {
        let section = address >> self.shift;
        let (top, directory, entry) = indices(section);
        let page = self.top[top].as_ref()?.pages[directory].as_ref()?;
        let hardware = page.hardware[entry];
        (hardware != HOLE).then(|| hardware + (address & ((1 << self.shift) - 1)))
    }
}

#[inline]
fn indices(section: u64) -> (usize, usize, usize) {
    let index = |level: u32| (section >> (level * BITS)) as usize & (ENTRIES - 1);
    (index(2), index(1), index(0))
}
