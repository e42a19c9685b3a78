//! What a binary's own type information says: structs, unions, enums and all that they are made of, from BTF or
//! from DWARF, in one tree.
//!
//! [`Image`] finds the sections, a reader of either format makes [`Type`]s of them, one at a time and only those
//! that are asked for. Nothing here knows of schemas: `import` makes one of these types, `verify` compares one
//! with them. No file is opened here: whoever calls hands over bytes.

mod btf;
mod dwarf;
mod error;
mod image;
pub(crate) mod place;
pub(crate) mod spelling;
mod types;
mod wanted;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

pub use error::{Error, Result};
pub use image::{Format, Image, Supplement};
pub use types::*;
pub use wanted::{Candidate, Wanted};

use crate::diag::nearest;
use crate::hash::HashMap;
use crate::model::Target;

/// How many typedefs or qualifiers in a chain are believed.
const MAX_CHAIN: usize = 64;

/// What a reader of one format can do.
trait Reader {
    /// The type at a place.
    fn read(&self, key: Key) -> Result<Type>;
    /// Every type under each of these names, in the order of the binary.
    fn find(&self, wanted: &[Wanted]) -> Result<Vec<Vec<Candidate>>>;
    /// Looks at the name of every type that can be asked for.
    fn each_name(&self, look: &mut dyn FnMut(&str)) -> Result<()>;
}

/// Other files that hold a part of a binary's types.
#[derive(Clone, Default)]
pub struct Beside<'d> {
    /// The BTF that a module's BTF continues.
    pub base: Option<&'d Image<'d>>,
    /// DWARF that the compiler has put into files of its own (`.dwo`).
    pub split: Vec<&'d Image<'d>>,
    /// Such files in one (`.dwp`).
    pub package: Option<&'d Image<'d>>,
    /// What it has in common with other binaries: see [`Image::supplement`].
    pub supplement: Option<&'d Image<'d>>,
}

/// The names of the files into which the compiler has put the types of an image: see [`Beside::split`].
///
/// # Errors
/// Where the type information is damaged.
pub fn split_names(image: &Image<'_>) -> Result<Vec<String>> {
    match image.format() {
        Format::Btf => Ok(Vec::new()),
        Format::Dwarf => dwarf::DwarfReader::split_names(image.sections()),
    }
}

/// The file that a part of the types of an image is in, if it is the one that was meant.
fn supplement<'d>(image: &Image<'_>, beside: &Beside<'d>) -> Result<Option<&'d Image<'d>>> {
    let Some(wanted) = image.supplement() else { return Ok(None) };
    match beside.supplement {
        Some(found) if found.is(wanted) => Ok(Some(found)),
        found => {
            let what = if found.is_some() { "is of another build" } else { "is not there" };
            Err(Error::Supplement { path: wanted.path.clone(), what })
        }
    }
}

/// The types of one binary. What has been read once is kept.
pub struct Binary<'d> {
    reader: Box<dyn Reader + 'd>,
    target: Target,
    language: Language,
    format: Format,
    build_id: Option<&'d [u8]>,
    known: RefCell<HashMap<Key, Rc<Type>>>,
}

/// Where the types of an image come from, for whoever needs them only sometimes.
pub trait DebugInformation {
    /// Opens it and hands it over.
    ///
    /// # Errors
    /// Where there is none, or it cannot be read: what is wrong with it, in words. Errors of `work` are its own.
    fn look(
        &self,
        work: &mut dyn FnMut(&Binary<'_>) -> Result<()>,
    ) -> std::result::Result<(), String>;
}

impl<'d> Binary<'d> {
    /// Opens the type information of an image, with what lies in other files.
    ///
    /// # Errors
    /// Where it is damaged so that nothing can be read.
    pub fn open(image: &'d Image<'d>, beside: &Beside<'d>) -> Result<Self> {
        let (target, format) = (image.target(), image.format());
        let sections = image.sections();
        let (reader, language): (Box<dyn Reader + 'd>, _) = match format {
            Format::Btf => {
                let own_base = Some(sections.get(".BTF.base")).filter(|it| !it.is_empty());
                let base = beside.base.map(|image| image.sections().get(".BTF")).or(own_base);
                let word_size = target.info().word_size;
                let reader = btf::BtfReader::new(sections.get(".BTF"), base, word_size)?;
                (Box::new(reader), Language::C)
            }
            Format::Dwarf => {
                let split: Vec<_> = beside.split.iter().map(|image| image.sections()).collect();
                let package = beside.package.map(Image::sections);
                let supplement = supplement(image, beside)?.map(Image::sections);
                let reader = dwarf::DwarfReader::new(sections, &split, package, supplement)?;
                let language = reader.language();
                (Box::new(reader), language)
            }
        };
        let build_id = image.build_id();
        Ok(Self { reader, target, language, format, build_id, known: RefCell::default() })
    }

    /// The target that the binary was built for.
    #[must_use]
    pub fn target(&self) -> Target {
        self.target
    }

    /// What identifies the build, if the image says that.
    #[must_use]
    pub fn build_id(&self) -> Option<&[u8]> {
        self.build_id
    }

    /// The language that most of it was written in.
    #[must_use]
    pub fn language(&self) -> Language {
        self.language
    }

    /// Where the types come from.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// The type at a place.
    ///
    /// # Errors
    /// Where the type information is damaged.
    pub fn get(&self, key: Key) -> Result<Rc<Type>> {
        if let Some(known) = self.known.borrow().get(&key) {
            return Ok(Rc::clone(known));
        }
        let ty = Rc::new(self.reader.read(key)?);
        self.known.borrow_mut().insert(key, Rc::clone(&ty));
        Ok(ty)
    }

    /// The type behind typedefs, and the names of these, the outermost first.
    ///
    /// # Errors
    /// Where the type information is damaged, or leads in circles.
    pub fn behind_typedefs(&self, key: Key) -> Result<(Key, Rc<Type>, Vec<String>)> {
        let (mut current, mut names) = (key, Vec::new());
        for _ in 0..MAX_CHAIN {
            let ty = self.get(current)?;
            let Type::Typedef(typedef) = &*ty else { return Ok((current, ty, names)) };
            names.push(typedef.name.clone());
            current = typedef.target;
        }
        let first = names.first().map_or("", String::as_str);
        let what = format!("the typedef `{first}` leads in circles");
        Err(Error::Damaged { section: self.format.section(), offset: None, what })
    }

    /// Every type under each of these names, in the order of the binary.
    ///
    /// # Errors
    /// Where the type information is damaged.
    pub fn find(&self, wanted: &[Wanted]) -> Result<Vec<Vec<Candidate>>> {
        self.reader.find(wanted)
    }

    /// Looks at the name of every type that can be asked for, without the namespaces around it.
    ///
    /// # Errors
    /// Where the type information is damaged.
    pub fn each_name(&self, look: &mut dyn FnMut(&str)) -> Result<()> {
        self.reader.each_name(look)
    }

    /// The names nearest to one that does not exist.
    ///
    /// # Errors
    /// Where the type information is damaged.
    pub fn near(&self, name: &str) -> Result<Vec<String>> {
        /// Names of this length are not slips of a person.
        const LONGEST: usize = 96;
        /// How many are said.
        const SAID: usize = 3;
        let mut names = BTreeSet::new();
        if name.len() <= LONGEST {
            let limit = (name.len() / 3).max(1);
            self.reader.each_name(&mut |other| {
                let short = other.rsplit("::").next().unwrap_or(other);
                if !short.is_empty() && short.len().abs_diff(name.len()) <= limit {
                    names.insert(short.to_owned());
                }
            })?;
        }
        let mut near = Vec::new();
        while near.len() < SAID
            && let Some(found) = nearest(name, names.iter().map(String::as_str))
        {
            let found = found.to_owned();
            names.remove(&found);
            near.push(found);
        }
        Ok(near)
    }
}
