//! One entry, made into a type. Where an entry refers to another, the reference becomes a key that leads to no
//! qualifier.

use gimli::{AttributeValue, DebuggingInformationEntry, DwAt, DwTag, constants};

use super::super::MAX_CHAIN;
use super::super::error::{Error, Result};
use super::super::types::{
    Array, Composite, Encoding, Enum, Key, Member, Other, Pointer, Scalar, Type, Typedef,
};
use super::unit::Unit;
use super::{DwarfReader, SECTION, Slice, VOID, damaged_at, key};

type Entry<'d> = DebuggingInformationEntry<Slice<'d>>;

/// An entry with the unit that it stands in.
struct Context<'a, 'd> {
    file: usize,
    unit: &'a Unit<'d>,
    entry: &'a Entry<'d>,
}

impl<'d> DwarfReader<'d> {
    /// The type at a place.
    pub(super) fn read_entry(&self, at: Key) -> Result<Type> {
        let (file, unit, offset) = self.unit_of(at)?;
        let (entry, children) = entry_with_children(&unit, offset)?;
        let context = Context { file, unit: &unit, entry: &entry };
        let address_size = u64::from(unit.header.encoding().address_size);
        let size = context.number(constants::DW_AT_byte_size);
        Ok(match entry.tag() {
            constants::DW_TAG_base_type => Type::Scalar(self.scalar(&context)),
            constants::DW_TAG_pointer_type
            | constants::DW_TAG_reference_type
            | constants::DW_TAG_rvalue_reference_type => {
                let target = self.target(&context)?;
                Type::Pointer(Pointer { target, size: size.unwrap_or(address_size) })
            }
            constants::DW_TAG_structure_type
            | constants::DW_TAG_class_type
            | constants::DW_TAG_interface_type
            | constants::DW_TAG_union_type => return self.composite(&context, &children),
            constants::DW_TAG_enumeration_type => {
                Type::Enum(self.enumeration(&context, &children)?)
            }
            constants::DW_TAG_array_type => self.array(&context, &children)?,
            constants::DW_TAG_typedef | constants::DW_TAG_template_alias => {
                let name = self.name(&context).unwrap_or_default();
                Type::Typedef(Typedef { name, target: self.target(&context)? })
            }
            constants::DW_TAG_subroutine_type | constants::DW_TAG_subprogram => Type::Function,
            constants::DW_TAG_unspecified_type => match size {
                None | Some(0) => Type::Void,
                Some(size) => self.other(&context, "an unspecified type", size),
            },
            constants::DW_TAG_ptr_to_member_type => {
                let (_, target) = self.entry_at(self.target(&context)?)?;
                let is_function = target == Some(constants::DW_TAG_subroutine_type);
                let words = if is_function { 2 } else { 1 };
                let size = size.unwrap_or(words * address_size);
                self.other(&context, "a pointer to a member", size)
            }
            tag if is_qualifier(tag) => {
                let target = self.target(&context)?;
                return if target == VOID { Ok(Type::Void) } else { self.read_entry(target) };
            }
            tag => {
                let what = tag.static_string().unwrap_or("an unknown entry");
                self.other(&context, what, size.unwrap_or(0))
            }
        })
    }

    fn other(&self, context: &Context<'_, 'd>, what: &str, size: u64) -> Type {
        let what = self.name(context).unwrap_or_else(|| what.to_owned());
        Type::Other(Other { what, size, align: 1 })
    }

    fn scalar(&self, context: &Context<'_, 'd>) -> Scalar {
        let bits = context.number(constants::DW_AT_bit_size);
        let size = context.number(constants::DW_AT_byte_size);
        let size = size.or(bits.map(|bits| bits.div_ceil(8))).unwrap_or(0);
        let encoding = match context.value(constants::DW_AT_encoding) {
            Some(AttributeValue::Encoding(encoding)) => encoding,
            _ => constants::DW_ATE_unsigned,
        };
        let name = self.name(context).unwrap_or_default();
        let encoding = match encoding {
            constants::DW_ATE_boolean => Encoding::Boolean,
            constants::DW_ATE_float => Encoding::Float,
            constants::DW_ATE_signed => Encoding::Signed,
            constants::DW_ATE_unsigned | constants::DW_ATE_address => Encoding::Unsigned,
            constants::DW_ATE_signed_char | constants::DW_ATE_unsigned_char => {
                match name.as_str() {
                    "char" => Encoding::Character,
                    "signed char" | "i8" => Encoding::Signed,
                    _ => Encoding::Unsigned,
                }
            }
            constants::DW_ATE_UTF | constants::DW_ATE_ASCII | constants::DW_ATE_UCS => {
                if size == 1 { Encoding::Unsigned } else { Encoding::Character }
            }
            _ => Encoding::Other,
        };
        // The unit type of Rust and its like are base types without bytes.
        Scalar { name, size, encoding }
    }

    fn composite(&self, context: &Context<'_, 'd>, children: &[Entry<'d>]) -> Result<Type> {
        let is_declaration = context.flag(constants::DW_AT_declaration);
        if let Some(AttributeValue::DebugTypesRef(signature)) =
            context.value(constants::DW_AT_signature)
            && let Some(definition) = self.signatures.get(&signature.0)
            && is_declaration
        {
            let (file, unit, offset) = self.unit_of(*definition)?;
            let (entry, children) = entry_with_children(&unit, offset)?;
            let context = Context { file, unit: &unit, entry: &entry };
            // A definition that is a declaration again would lead in circles.
            if !context.flag(constants::DW_AT_declaration) {
                return self.composite(&context, &children);
            }
        }
        let mut composite = Composite {
            name: self.name(context).unwrap_or_default(),
            union: context.entry.tag() == constants::DW_TAG_union_type,
            size: context.number(constants::DW_AT_byte_size).unwrap_or(0),
            align: context.number(constants::DW_AT_alignment),
            members: Vec::new(),
            is_declaration,
            mixed: None,
            virtual_base: None,
        };
        for entry in children {
            let child = Context { file: context.file, unit: context.unit, entry };
            match entry.tag() {
                constants::DW_TAG_member => composite.members.extend(self.member(&child)?),
                constants::DW_TAG_inheritance => {
                    let base = self.base_name(&child)?;
                    let virtuality = child.value(constants::DW_AT_virtuality);
                    let is_virtual = virtuality.is_some_and(|it| {
                        it != AttributeValue::Virtuality(constants::DW_VIRTUALITY_none)
                    });
                    if is_virtual {
                        composite.virtual_base = Some(base);
                    } else if let Some(mut member) = self.member(&child)? {
                        (member.name, member.is_base) = (base, true);
                        composite.members.push(member);
                    }
                }
                constants::DW_TAG_variant_part => {
                    composite.mixed = Some("it is an enum whose variants have fields");
                }
                _ => {}
            }
        }
        Ok(Type::Composite(composite))
    }

    fn base_name(&self, context: &Context<'_, 'd>) -> Result<String> {
        let target = self.target(context)?;
        if target == VOID {
            return Ok(String::new());
        }
        let (file, unit, offset) = self.unit_of(target)?;
        let (entry, _) = entry_with_children(&unit, offset)?;
        Ok(self.name(&Context { file, unit: &unit, entry: &entry }).unwrap_or_default())
    }

    /// A member that is part of every object; static ones are not.
    fn member(&self, context: &Context<'_, 'd>) -> Result<Option<Member>> {
        if context.flag(constants::DW_AT_external) || context.flag(constants::DW_AT_declaration) {
            return Ok(None);
        }
        let ty = self.target(context)?;
        let location = self.location(context)?;
        let bits = context.number(constants::DW_AT_bit_size);
        let base = location.checked_mul(8);
        let data = context.number(constants::DW_AT_data_bit_offset);
        let old = context.signed(constants::DW_AT_bit_offset);
        let bit_offset = match (data, old, bits) {
            (Some(data), _, _) => base.and_then(|base| base.checked_add(data)),
            (None, Some(old), Some(bits)) => {
                let unit_bytes = match context.number(constants::DW_AT_byte_size) {
                    Some(size) => size,
                    None => self.scalar_size(ty)?,
                };
                self.old_bit_offset(base, old, bits, unit_bytes)
            }
            _ => base,
        };
        let what = "a member lies beyond all numbers";
        let bit_offset = bit_offset.ok_or_else(|| context.error(what))?;
        let align = context.number(constants::DW_AT_alignment);
        let name = self.name(context).unwrap_or_default();
        Ok(Some(Member { name, ty, bit_offset, bits, align, is_base: false }))
    }

    /// Before DWARF 4, bits were counted from the most significant one of their unit, whatever the byte order.
    fn old_bit_offset(&self, base: Option<u64>, old: i64, bits: u64, unit: u64) -> Option<u64> {
        let within = match self.is_big {
            true => i128::from(old),
            false => i128::from(unit) * 8 - i128::from(old) - i128::from(bits),
        };
        u64::try_from(i128::from(base?).checked_add(within)?).ok()
    }

    fn scalar_size(&self, ty: Key) -> Result<u64> {
        let mut current = ty;
        for _ in 0..MAX_CHAIN {
            if current == VOID {
                return Ok(0);
            }
            let (file, unit, offset) = self.unit_of(current)?;
            let (entry, _) = entry_with_children(&unit, offset)?;
            let context = Context { file, unit: &unit, entry: &entry };
            match context.number(constants::DW_AT_byte_size) {
                Some(size) => return Ok(size),
                None => current = self.target(&context)?,
            }
        }
        Ok(0)
    }

    /// Bytes from the start of the whole: a number, or the one expression that stands for a number.
    fn location(&self, context: &Context<'_, 'd>) -> Result<u64> {
        match context.value(constants::DW_AT_data_member_location) {
            None => Ok(0),
            Some(AttributeValue::Exprloc(expression)) => {
                let encoding = context.unit.header.encoding();
                let mut operations = expression.operations(encoding);
                match operations.next() {
                    Ok(Some(gimli::Operation::PlusConstant { value })) => Ok(value),
                    _ => Err(context.error("the place of a member is not a number")),
                }
            }
            Some(value) => value
                .udata_value()
                .ok_or_else(|| context.error("the place of a member is not a number")),
        }
    }

    fn enumeration(&self, context: &Context<'_, 'd>, children: &[Entry<'d>]) -> Result<Enum> {
        let target = self.target(context)?;
        let underlying = match target {
            VOID => None,
            target => match self.behind_typedefs(target)? {
                Type::Scalar(scalar) => Some(scalar),
                _ => None,
            },
        };
        let mut members = Vec::new();
        let mut is_negative = false;
        for entry in children.iter().filter(|it| it.tag() == constants::DW_TAG_enumerator) {
            let child = Context { file: context.file, unit: context.unit, entry };
            let name = self.name(&child).unwrap_or_default();
            let value = match child.value(constants::DW_AT_const_value) {
                Some(AttributeValue::Sdata(value)) => i128::from(value),
                Some(value) => i128::from(value.udata_value().unwrap_or(0)),
                None => continue,
            };
            is_negative |= value < 0;
            members.push((name, value));
        }
        let size = context.number(constants::DW_AT_byte_size);
        let size = size.or(underlying.as_ref().map(|it| it.size)).unwrap_or(0);
        let signed = match &underlying {
            Some(scalar) => scalar.encoding == Encoding::Signed,
            None => is_negative,
        };
        let is_declaration = context.flag(constants::DW_AT_declaration);
        let name = self.name(context).unwrap_or_default();
        Ok(Enum { name, size, signed, members, is_declaration })
    }

    fn behind_typedefs(&self, target: Key) -> Result<Type> {
        let mut current = target;
        for _ in 0..MAX_CHAIN {
            if current == VOID {
                return Ok(Type::Void);
            }
            match self.read_entry(current)? {
                Type::Typedef(typedef) => current = typedef.target,
                ty => return Ok(ty),
            }
        }
        Err(Error::at(SECTION, 0, "a type leads in circles"))
    }

    fn array(&self, context: &Context<'_, 'd>, children: &[Entry<'d>]) -> Result<Type> {
        let mut lengths = Vec::new();
        for entry in children {
            let child = Context { file: context.file, unit: context.unit, entry };
            match entry.tag() {
                constants::DW_TAG_subrange_type | constants::DW_TAG_enumeration_type => {
                    lengths.push(child.length());
                }
                _ => {}
            }
        }
        if lengths.is_empty() {
            lengths.push(0);
        }
        let element = self.target(context)?;
        if context.flag(constants::DW_AT_GNU_vector) {
            return self.vector(context, element, &lengths);
        }
        Ok(Type::Array(Array { element, lengths }))
    }

    /// What fits into a register of several numbers. Compilers align it as a whole, which an array is not.
    fn vector(&self, context: &Context<'_, 'd>, element: Key, lengths: &[u64]) -> Result<Type> {
        let count = lengths.iter().try_fold(1u64, |count, length| count.checked_mul(*length));
        let bytes = count.and_then(|count| count.checked_mul(self.scalar_size(element).ok()?));
        let size = context.number(constants::DW_AT_byte_size);
        let size = size.or(bytes).ok_or_else(|| context.error("a vector is larger than memory"))?;
        let what = match self.behind_typedefs(element)? {
            Type::Scalar(scalar) => format!("a vector of {} {}", count.unwrap_or(0), scalar.name),
            _ => "a vector".to_owned(),
        };
        Ok(Type::Other(Other { what, size, align: size.checked_next_power_of_two().unwrap_or(1) }))
    }

    /// The name with the namespaces around it left out: these are known only on the way down.
    fn name(&self, context: &Context<'_, 'd>) -> Option<String> {
        let dwarf = &self.files.get(context.file)?.dwarf;
        let value = context.value(constants::DW_AT_name)?;
        Some(context.unit.text(dwarf, value)?.to_string_lossy().into_owned())
    }

    /// The type that an entry refers to.
    fn target(&self, context: &Context<'_, 'd>) -> Result<Key> {
        let mut current = self.reference(context, constants::DW_AT_type)?;
        for _ in 0..MAX_CHAIN {
            let Some(at) = current else { return Ok(VOID) };
            let (next, tag) = self.entry_at(at)?;
            match tag {
                Some(tag) if is_qualifier(tag) => current = next,
                _ => return Ok(at),
            }
        }
        Err(context.error("a type leads in circles"))
    }

    /// The tag of an entry, and where it leads.
    fn entry_at(&self, at: Key) -> Result<(Option<Key>, Option<DwTag>)> {
        if at == VOID {
            return Ok((None, None));
        }
        let (file, unit, offset) = self.unit_of(at)?;
        let entry = entry_alone(&unit, offset)?;
        let context = Context { file, unit: &unit, entry: &entry };
        let next = match is_qualifier(entry.tag()) {
            true => self.reference(&context, constants::DW_AT_type)?,
            false => None,
        };
        Ok((next, Some(entry.tag())))
    }

    fn reference(&self, context: &Context<'_, 'd>, name: DwAt) -> Result<Option<Key>> {
        let (file, unit) = (context.file, context.unit);
        Ok(match context.value(name) {
            None => None,
            Some(AttributeValue::UnitRef(offset)) => {
                Some(key(file, unit.is_types, unit.offset.saturating_add(offset.0)))
            }
            Some(AttributeValue::DebugInfoRef(offset)) => Some(key(file, false, offset.0)),
            Some(AttributeValue::DebugInfoRefSup(offset)) => {
                let what = "a type is in a file that is not here";
                let supplement = self.supplement.ok_or_else(|| context.error(what))?;
                Some(key(supplement, false, offset.0))
            }
            Some(AttributeValue::DebugTypesRef(signature)) => {
                let known = self.signatures.get(&signature.0).copied();
                let what = "a type is in a unit that is not here";
                Some(known.ok_or_else(|| context.error(what))?)
            }
            Some(_) => {
                return Err(context.error("a type is in another file, which is not read"));
            }
        })
    }
}

impl<'d> Context<'_, 'd> {
    fn value(&self, name: DwAt) -> Option<AttributeValue<Slice<'d>>> {
        self.entry.attr_value(name)
    }

    fn number(&self, name: DwAt) -> Option<u64> {
        self.value(name)?.udata_value()
    }

    fn signed(&self, name: DwAt) -> Option<i64> {
        let value = self.value(name)?;
        // Clang writes -1 as the highest number without a sign.
        value.sdata_value().or(value.udata_value().map(u64::cast_signed))
    }

    fn flag(&self, name: DwAt) -> bool {
        matches!(self.value(name), Some(AttributeValue::Flag(true)))
    }

    /// Elements of a dimension; what is not known counts as none.
    fn length(&self) -> u64 {
        if let Some(count) = self.number(constants::DW_AT_count) {
            return count;
        }
        let lower = self.number(constants::DW_AT_lower_bound).unwrap_or(0);
        match self.value(constants::DW_AT_upper_bound) {
            // The bound of an array without elements is -1, in as many bytes as it has.
            Some(AttributeValue::Data1(0xff)) if lower == 0 => 256,
            Some(AttributeValue::Sdata(-1)) => 0,
            Some(value) => match value.udata_value() {
                Some(u64::MAX) | None => 0,
                Some(upper) => upper.checked_sub(lower).map_or(0, |it| it.saturating_add(1)),
            },
            None => 0,
        }
    }

    fn error(&self, what: &str) -> Error {
        let offset = self.unit.offset.saturating_add(self.entry.offset().0);
        Error::at(SECTION, offset as u64, what)
    }
}

fn is_qualifier(tag: DwTag) -> bool {
    matches!(
        tag,
        constants::DW_TAG_const_type
            | constants::DW_TAG_volatile_type
            | constants::DW_TAG_restrict_type
            | constants::DW_TAG_atomic_type
            | constants::DW_TAG_packed_type
            | constants::DW_TAG_shared_type
            | constants::DW_TAG_immutable_type
    )
}

fn entry_alone<'d>(unit: &Unit<'d>, offset: usize) -> Result<Entry<'d>> {
    let at = damaged_at(unit.offset.saturating_add(offset));
    let mut entry = Entry::null();
    let found = unit.entries_at(offset)?.read_entry(&mut entry).map_err(&at)?;
    if found { Ok(entry) } else { Err(at(gimli::Error::MissingUnitDie)) }
}

/// An entry and those directly below it.
fn entry_with_children<'d>(unit: &Unit<'d>, offset: usize) -> Result<(Entry<'d>, Vec<Entry<'d>>)> {
    let at = damaged_at(unit.offset.saturating_add(offset));
    let mut entries = unit.entries_at(offset)?;
    let mut first = Entry::null();
    if !entries.read_entry(&mut first).map_err(&at)? {
        return Err(Error::at(
            SECTION,
            unit.offset.saturating_add(offset) as u64,
            "no entry is here",
        ));
    }
    let mut children = Vec::new();
    while first.has_children() && entries.next_depth() > 0 && !entries.is_empty() {
        let depth = entries.next_depth();
        let mut child = Entry::null();
        if entries.read_entry(&mut child).map_err(&at)? && depth == 1 && is_part(child.tag()) {
            children.push(child);
        }
    }
    Ok((first, children))
}

/// What a type is made of; methods and types inside of it are read when somebody asks for them.
fn is_part(tag: DwTag) -> bool {
    matches!(
        tag,
        constants::DW_TAG_member
            | constants::DW_TAG_inheritance
            | constants::DW_TAG_variant_part
            | constants::DW_TAG_enumerator
            | constants::DW_TAG_subrange_type
            | constants::DW_TAG_enumeration_type
    )
}
