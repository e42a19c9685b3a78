//! Decoded values as a tree: for whoever compares them, puts them into columns or looks at them twice.
//!
//! [`ValueSink`] makes one of the events of a decoder; [`Value::emit`] gives the events back, so that everything
//! that writes events writes values, too. Texts in it are those of the image; whoever prints them escapes them.

use std::convert::Infallible;

use crate::decode::{Display, Hints, Name, Note, Scalar, Sink, StructInfo};

/// What was decoded.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// An integer.
    Unsigned(u64, Form),
    /// An integer that may be negative.
    Signed(i64, Form),
    /// An integer of 128 bits.
    WideUnsigned(u128),
    /// The same that may be negative.
    WideSigned(i128),
    /// A floating-point number of 32 bits.
    Float(f32, Form),
    /// One of 64 bits.
    Double(f64, Form),
    /// A truth value.
    Bool(bool),
    /// A byte of text.
    Char(u8),
    /// Text, in whatever encoding.
    Text(Vec<u8>),
    /// Bytes without a meaning.
    Bytes(Vec<u8>, Form),
    /// A value of an enum, and its name.
    Enum(i128, Option<Box<str>>),
    /// A set of flags.
    Flags(Flags),
    /// A pointer that was not followed.
    Address(u64, Form),
    /// A null pointer.
    Null,
    /// A struct or union.
    Struct(Struct),
    /// An array or a list; a note in it stands for what is left out.
    Array(Vec<Value>),
    /// What lies at an address: the target of a pointer, an element of a list.
    At(u64, Box<Value>),
    /// A value, and what is to be said of it.
    Noted(Note, Box<Value>),
    /// Why there is no value.
    Note(Note),
}

/// How people like to read a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// In which form.
    pub display: Display,
    /// In which unit; may be empty.
    pub unit: Box<str>,
}

/// A set of flags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// As a number.
    pub value: u64,
    /// The names of those set, with the value of those of several bits.
    pub names: Vec<(Box<str>, Option<u64>)>,
    /// Bits that are set and have no name.
    pub rest: u64,
}

/// A struct or union.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Struct {
    /// Its C name, empty for an inline one.
    pub name: Box<str>,
    /// Members, those of anonymous ones among them.
    pub fields: Vec<(Box<str>, Value)>,
    /// What is to be said of it as a whole.
    pub notes: Vec<Note>,
}

impl Value {
    /// The member of a struct with a name; pointers and notes around the struct are passed.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Struct(inner) => {
                inner.fields.iter().find(|field| *field.0 == *name).map(|field| &field.1)
            }
            Self::At(_, inner) | Self::Noted(_, inner) => inner.field(name),
            _ => None,
        }
    }

    /// Tells a sink the events from which this was made.
    pub fn emit<S: Sink + ?Sized>(&self, sink: &mut S) -> Result<(), S::Error> {
        let plain = Hints::default();
        match self {
            Self::Unsigned(value, form) => sink.scalar(Scalar::Unsigned(*value), form.hints()),
            Self::Signed(value, form) => sink.scalar(Scalar::Signed(*value), form.hints()),
            Self::WideUnsigned(value) => sink.scalar(Scalar::WideUnsigned(*value), plain),
            Self::WideSigned(value) => sink.scalar(Scalar::WideSigned(*value), plain),
            Self::Float(value, form) => sink.scalar(Scalar::Float(*value), form.hints()),
            Self::Double(value, form) => sink.scalar(Scalar::Double(*value), form.hints()),
            Self::Bool(value) => sink.scalar(Scalar::Bool(*value), plain),
            Self::Char(value) => sink.scalar(Scalar::Char(*value), plain),
            Self::Text(bytes) => sink.scalar(Scalar::Text(bytes), plain),
            Self::Bytes(bytes, form) => sink.scalar(Scalar::Bytes(bytes), form.hints()),
            Self::Enum(value, name) => {
                sink.scalar(Scalar::Enum(*value, name.as_deref().map(Name::new)), plain)
            }
            Self::Flags(flags) => {
                sink.begin_flags(flags.value)?;
                for (name, value) in &flags.names {
                    sink.flag(Name::new(name), *value)?;
                }
                sink.end_flags(flags.rest)
            }
            Self::Address(address, form) => sink.scalar(Scalar::Address(*address), form.hints()),
            Self::Null => sink.scalar(Scalar::Null, plain),
            Self::Struct(inner) => inner.emit(sink),
            Self::Array(elements) => {
                sink.begin_array()?;
                for element in elements {
                    element.emit(sink)?;
                }
                sink.end_array()
            }
            Self::At(address, inner) => {
                sink.begin_at(*address)?;
                inner.emit(sink)?;
                sink.end_at()
            }
            Self::Noted(note, inner) => {
                sink.begin_noted(*note)?;
                inner.emit(sink)?;
                sink.end_noted()
            }
            Self::Note(note) => sink.note(*note),
        }
    }
}

impl Struct {
    /// Characters of the longest name.
    #[must_use]
    pub fn name_width(&self) -> usize {
        self.fields.iter().map(|field| field.0.chars().count()).max().unwrap_or(0)
    }

    fn emit<S: Sink + ?Sized>(&self, sink: &mut S) -> Result<(), S::Error> {
        sink.begin_struct(StructInfo { name: &self.name, name_width: self.name_width() })?;
        for (name, value) in &self.fields {
            sink.field(Name::new(name))?;
            value.emit(sink)?;
        }
        for note in &self.notes {
            sink.remark(*note)?;
        }
        sink.end_struct()
    }
}

impl Form {
    fn hints(&self) -> Hints<'_> {
        Hints { display: self.display, unit: &self.unit }
    }
}

impl From<Hints<'_>> for Form {
    fn from(hints: Hints<'_>) -> Self {
        Self { display: hints.display, unit: hints.unit.into() }
    }
}

/// Makes a [`Value`] of events.
#[derive(Clone, Debug, Default)]
pub struct ValueSink {
    open: Vec<Open>,
    done: Option<Value>,
}

/// What has begun.
#[derive(Clone, Debug)]
enum Open {
    Struct(Struct),
    Array(Vec<Value>),
    Flags(Flags),
    At(u64),
    Noted(Note),
}

impl ValueSink {
    /// Without any value.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The last value that is complete.
    #[must_use]
    pub fn finish(self) -> Option<Value> {
        self.done
    }

    /// Takes the last value that is complete, and is ready for another one.
    pub fn take(&mut self) -> Option<Value> {
        self.open.clear();
        self.done.take()
    }

    fn put(&mut self, value: Value) -> Result<(), Infallible> {
        match self.open.last_mut() {
            Some(Open::Struct(inner)) => {
                if let Some(field) = inner.fields.last_mut() {
                    field.1 = value;
                }
            }
            Some(Open::Array(elements)) => elements.push(value),
            // It ends with the value that it holds.
            _ => self.done = Some(value),
        }
        Ok(())
    }
}

impl Sink for ValueSink {
    type Error = Infallible;

    fn scalar(&mut self, scalar: Scalar<'_>, hints: Hints<'_>) -> Result<(), Infallible> {
        self.put(match scalar {
            Scalar::Unsigned(value) => Value::Unsigned(value, hints.into()),
            Scalar::Signed(value) => Value::Signed(value, hints.into()),
            Scalar::WideUnsigned(value) => Value::WideUnsigned(value),
            Scalar::WideSigned(value) => Value::WideSigned(value),
            Scalar::Float(value) => Value::Float(value, hints.into()),
            Scalar::Double(value) => Value::Double(value, hints.into()),
            Scalar::Bool(value) => Value::Bool(value),
            Scalar::Char(value) => Value::Char(value),
            Scalar::Text(bytes) => Value::Text(bytes.into()),
            Scalar::Bytes(bytes) => Value::Bytes(bytes.into(), hints.into()),
            Scalar::Enum(value, name) => Value::Enum(value, name.map(|name| name.text.into())),
            Scalar::Address(address) => Value::Address(address, hints.into()),
            Scalar::Null => Value::Null,
        })
    }

    fn note(&mut self, note: Note) -> Result<(), Infallible> {
        self.put(Value::Note(note))
    }

    fn begin_struct(&mut self, about: StructInfo<'_>) -> Result<(), Infallible> {
        self.open.push(Open::Struct(Struct { name: about.name.into(), ..Struct::default() }));
        Ok(())
    }

    fn field(&mut self, name: Name<'_>) -> Result<(), Infallible> {
        if let Some(Open::Struct(inner)) = self.open.last_mut() {
            inner.fields.push((name.text.into(), Value::Null));
        }
        Ok(())
    }

    fn remark(&mut self, note: Note) -> Result<(), Infallible> {
        if let Some(Open::Struct(inner)) = self.open.last_mut() {
            inner.notes.push(note);
        }
        Ok(())
    }

    fn end_struct(&mut self) -> Result<(), Infallible> {
        match self.open.pop() {
            Some(Open::Struct(inner)) => self.put(Value::Struct(inner)),
            _ => Ok(()),
        }
    }

    fn begin_array(&mut self) -> Result<(), Infallible> {
        self.open.push(Open::Array(Vec::new()));
        Ok(())
    }

    fn end_array(&mut self) -> Result<(), Infallible> {
        match self.open.pop() {
            Some(Open::Array(elements)) => self.put(Value::Array(elements)),
            _ => Ok(()),
        }
    }

    fn begin_flags(&mut self, value: u64) -> Result<(), Infallible> {
        self.open.push(Open::Flags(Flags { value, ..Flags::default() }));
        Ok(())
    }

    fn flag(&mut self, name: Name<'_>, value: Option<u64>) -> Result<(), Infallible> {
        if let Some(Open::Flags(flags)) = self.open.last_mut() {
            flags.names.push((name.text.into(), value));
        }
        Ok(())
    }

    fn end_flags(&mut self, rest: u64) -> Result<(), Infallible> {
        match self.open.pop() {
            Some(Open::Flags(flags)) => self.put(Value::Flags(Flags { rest, ..flags })),
            _ => Ok(()),
        }
    }

    fn begin_at(&mut self, address: u64) -> Result<(), Infallible> {
        self.open.push(Open::At(address));
        Ok(())
    }

    fn end_at(&mut self) -> Result<(), Infallible> {
        match (self.open.pop(), self.done.take()) {
            (Some(Open::At(address)), Some(inner)) => self.put(Value::At(address, Box::new(inner))),
            _ => Ok(()),
        }
    }

    fn begin_noted(&mut self, note: Note) -> Result<(), Infallible> {
        self.open.push(Open::Noted(note));
        Ok(())
    }

    fn end_noted(&mut self) -> Result<(), Infallible> {
        match (self.open.pop(), self.done.take()) {
            (Some(Open::Noted(note)), Some(inner)) => self.put(Value::Noted(note, Box::new(inner))),
            _ => Ok(()),
        }
    }
}
