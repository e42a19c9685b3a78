//! What the tests of decoding share: the types of a schema for a target, and memory that is written by the model's
//! own layouts, which the decoder does not know.

#![allow(dead_code, reason = "each test uses its own part")]

use std::collections::BTreeMap;

use inspect_format::abi::Order;
use inspect_format::walk::{Fault, Memory};
use inspect_gen::check::Options;
use inspect_gen::compile::compile;
use inspect_gen::emit::blobs;
use inspect_gen::model::{AggregateId, Field, Model, SchemaId, Target, Type, TypeId};
use inspect_gen::source::SourceMap;
use inspect_reader::decode::{Budget, Decoder, NoMemory, Plan};
use inspect_reader::output::value_json::JsonSink;

/// Where the value that a test is about lies.
pub(crate) const BASE: u64 = 0x1000;

/// The checked model of a schema for every target.
pub(crate) fn schema(text: &str) -> Model {
    let mut sources = SourceMap::new();
    sources.add("test.inspect", text, false);
    let options = Options { targets: Target::all().collect(), as_of: Vec::new() };
    let (model, list) = compile(&mut sources, &options);
    model.unwrap_or_else(|| panic!("{list:#?}"))
}

/// The types section of a schema for a target.
pub(crate) fn types_of(model: &Model, schema: SchemaId, target: Target) -> Vec<u8> {
    let types = blobs::known_types(model, schema);
    blobs::bytes(model, &types.blob, target).expect("nothing is captured")
}

/// Single bytes of an address space.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bytes(pub(crate) BTreeMap<u64, u8>);

impl Memory for Bytes {
    fn read(&self, address: u64, out: &mut [u8]) -> Result<(), Fault> {
        for (i, byte) in out.iter_mut().enumerate() {
            let at = address.wrapping_add(i as u64);
            *byte = *self.0.get(&at).ok_or(Fault { address: at })?;
        }
        Ok(())
    }
}

impl Bytes {
    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(crate) fn put(&mut self, address: u64, bytes: &[u8]) {
        for (i, byte) in bytes.iter().enumerate() {
            self.0.insert(address + i as u64, *byte);
        }
    }
}

/// A table's types, and the memory that its entries speak of.
pub(crate) struct Image<'m> {
    model: &'m Model,
    target: Target,
    pub(crate) plan: Plan,
    pub(crate) memory: Bytes,
    pub(crate) reveal: bool,
}

impl<'m> Image<'m> {
    pub(crate) fn new(model: &'m Model, target: &str) -> Self {
        let target = Target::from_name(target).expect("a target");
        let (schema, _) = model.emitted().next().expect("a schema");
        let types = types_of(model, schema, target);
        let plan = Plan::new(&types, target.info().word_size).expect("a plan");
        Self { model, target, plan, memory: Bytes::default(), reveal: false }
    }

    /// Writes the first-named struct `t_s`, or the one that [`Image::json`] is asked for.
    pub(crate) fn writer(&self) -> Writer<'m> {
        Writer {
            model: self.model,
            target: self.target,
            aggregate: None,
            base: BASE,
            memory: Bytes::default(),
        }
    }

    pub(crate) fn json(
        &self,
        type_name: &str,
        address: u64,
        length: Option<u64>,
        budget: Budget,
    ) -> serde_json::Value {
        let id = self.plan.type_named(type_name).expect("a type");
        let length = length.or(self.plan.size_of(id)).expect("a size");
        // What nobody has written is zero, so that tests write only what matters.
        let mut memory = self.memory.clone();
        for at in address..address + length {
            memory.0.entry(at).or_insert(0);
        }
        let mut sink = JsonSink::new(Vec::new());
        let mut decoder = Decoder::new(&self.plan, &memory, budget).reveal_sensitive(self.reveal);
        decoder.region(id, address, length, &mut sink).expect("memory takes everything");
        let text = sink.finish().expect("memory takes everything");
        serde_json::from_slice(&text)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&text)))
    }
}

/// The JSON of bytes that stand alone.
pub(crate) fn json_of(plan: &Plan, type_id: u32, bytes: &[u8]) -> serde_json::Value {
    let mut sink = JsonSink::new(Vec::new());
    let mut decoder = Decoder::new(plan, &NoMemory, Budget::default());
    decoder.entry(type_id, None, bytes, &mut sink).expect("memory takes everything");
    serde_json::from_slice(&sink.finish().expect("memory takes everything")).expect("JSON")
}

/// Writes structs by the layouts of the model.
pub(crate) struct Writer<'m> {
    model: &'m Model,
    target: Target,
    aggregate: Option<AggregateId>,
    base: u64,
    memory: Bytes,
}

impl Writer<'_> {
    /// The memory, and how long the value is where that is not its type's size.
    pub(crate) fn finish(self) -> (Bytes, Option<u64>) {
        let end = self.memory.0.range(self.base..self.base + 0x800).next_back();
        let size = self.aggregate.map_or(0, |id| self.size(id));
        let length = end.map(|(at, _)| at + 1 - self.base).filter(|length| *length > size);
        (self.memory, length.or(Some(size)).filter(|length| *length > 0))
    }

    fn size(&self, id: AggregateId) -> u64 {
        self.model[id].layouts.as_ref().expect("a layout").on(self.target).size
    }

    fn named(&self, name: &str) -> AggregateId {
        let (_, schema) = self.model.emitted().next().expect("a schema");
        let found = schema.types.iter().find_map(|ty| match ty {
            TypeId::Aggregate(id) if self.model[*id].naming.c == name => Some(*id),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no struct {name}"))
    }

    /// The struct that has a field with this name: the one that is being written.
    fn holder(&mut self, field: &str) -> AggregateId {
        if let Some(id) = self.aggregate {
            return id;
        }
        let (_, schema) = self.model.emitted().next().expect("a schema");
        let has = |id: &AggregateId| self.model[*id].fields.iter().any(|f| f.name() == field);
        let mut holders = schema.types.iter().filter_map(|ty| match ty {
            TypeId::Aggregate(id) => Some(*id),
            _ => None,
        });
        let last = holders.clone().rfind(has);
        let found = holders.find(|id| self.model[*id].naming.c == "t_s").filter(has).or(last);
        let id = found.unwrap_or_else(|| panic!("no struct has {field}"));
        self.aggregate = Some(id);
        id
    }

    fn place(&mut self, name: &str) -> (u64, u64, Option<(u64, u32)>, Field) {
        let id = self.holder(name);
        let index = self.model[id].fields.iter().position(|field| field.name() == name);
        let index = index.unwrap_or_else(|| panic!("no field {name}"));
        self.place_of(id, index)
    }

    fn place_of(&self, id: AggregateId, index: usize) -> (u64, u64, Option<(u64, u32)>, Field) {
        let field = &self.model[id].fields[index];
        let layout = self.model[id].layouts.as_ref().expect("a layout").on(self.target);
        let place = &layout.fields[index];
        let bits = place.bit_offset.zip(field.bits);
        (self.base + place.offset, place.size, bits, field.clone())
    }

    fn order(&self) -> Order {
        blobs::order(self.target)
    }

    pub(crate) fn field(&mut self, name: &str, value: i128) -> &mut Self {
        let (address, size, bits, _) = self.place(name);
        let Some((bit_offset, bit_size)) = bits else { return self.number(address, size, value) };
        for bit in 0..u64::from(bit_size) {
            let (at, mask, shift) = match self.order() {
                Order::Little => {
                    let at = bit_offset + bit;
                    (at / 8, 1_u8 << (at % 8), bit)
                }
                Order::Big => {
                    let at = bit_offset + bit;
                    (at / 8, 0x80_u8 >> (at % 8), u64::from(bit_size) - 1 - bit)
                }
            };
            let byte = self.memory.0.entry(self.base + at).or_insert(0);
            *byte = if value >> shift & 1 == 1 { *byte | mask } else { *byte & !mask };
        }
        self
    }

    pub(crate) fn number(&mut self, address: u64, size: u64, value: i128) -> &mut Self {
        let mut bytes = value.to_le_bytes()[..size as usize].to_vec();
        if self.order() == Order::Big {
            bytes.reverse();
        }
        self.raw(address, &bytes)
    }

    pub(crate) fn word(&mut self, address: u64, value: u64) -> &mut Self {
        let size = self.target.info().word_size;
        self.number(address, size.into(), value.into())
    }

    pub(crate) fn pointer(&mut self, name: &str, value: u64) -> &mut Self {
        self.field(name, value.into())
    }

    pub(crate) fn raw(&mut self, address: u64, bytes: &[u8]) -> &mut Self {
        self.memory.put(address, bytes);
        self
    }

    pub(crate) fn bytes(&mut self, name: &str, bytes: &[u8]) -> &mut Self {
        let (address, size, ..) = self.place(name);
        assert!(bytes.len() as u64 <= size);
        self.raw(address, bytes)
    }

    pub(crate) fn bytes_at(&mut self, name: &str, bytes: &[u8]) -> &mut Self {
        self.bytes(name, bytes)
    }

    /// The bytes of the `index`-th field, which has no name.
    pub(crate) fn anonymous(&mut self, index: usize, bytes: &[u8]) -> &mut Self {
        let id = self.aggregate.expect("a named field comes first");
        let (address, ..) = self.place_of(id, index);
        self.raw(address, bytes)
    }

    /// Numbers of `size` bytes, one behind another.
    pub(crate) fn elements(&mut self, name: &str, size: u64, values: &[i128]) -> &mut Self {
        let (address, ..) = self.place(name);
        for (i, value) in values.iter().enumerate() {
            self.number(address + i as u64 * size, size, *value);
        }
        self
    }

    /// A field of the struct that is the `index`-th element of an array, or of a union's arm.
    pub(crate) fn at(&mut self, name: &str, index: u64, field: usize, value: i128) -> &mut Self {
        let (address, .., holder) = self.place(name);
        let Type::Array(element, _) = &holder.ty else { return self };
        let Type::Aggregate(inner) = **element else { return self };
        let layout = self.model[inner].layouts.as_ref().expect("a layout").on(self.target);
        let place = &layout.fields[field];
        let at = address + index * layout.size + place.offset;
        self.number(at, place.size, value)
    }

    /// The offset of a field.
    pub(crate) fn offset(&self, struct_name: &str, field: &str) -> u64 {
        let id = self.named(struct_name);
        let index = self.model[id].fields.iter().position(|f| f.name() == field).expect("a field");
        self.place_of(id, index).0 - self.base
    }

    /// Another struct somewhere else; what is not written in it is zero.
    pub(crate) fn other(
        &mut self,
        struct_name: &str,
        address: u64,
        write: impl FnOnce(&mut Self),
    ) -> &mut Self {
        let before = (self.aggregate, self.base);
        let id = self.named(struct_name);
        for at in address..address + self.size(id) {
            self.memory.0.entry(at).or_insert(0);
        }
        (self.aggregate, self.base) = (Some(id), address);
        write(self);
        (self.aggregate, self.base) = before;
        self
    }
}
