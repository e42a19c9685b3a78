//! What is not a type: properties, classes, entries and spaces; and the schemas around all of it.

use inspect_format::hash;

use super::attributes::{Place, find};
use super::constants::Range;
use super::layout::{Extent, type_extent};
use super::types::Where;
use super::{Checker, SchemaIndex, forever, unknown_name};
use crate::diag::{Code, Diagnostic, nearest};
use crate::hash::HashMap;
use crate::model::{
    AggregateId, Assign, Class, ClassId, ConstantId, Entry, EntryField, EnumId, FlagsId, Naming,
    Partial, Properties, Schema, SchemaId, Space, Target, Type, TypeId, Value, names,
};
use crate::operator::BinaryOperator;
use crate::source::Span;
use crate::syntax::ast;

/// Bytes of the core entry: schema fields begin behind it.
const CORE_ENTRY_SIZE: u64 = 64;

/// The lowest core property bit; schemas have those below.
const FIRST_CORE_BIT: u8 = 48;

impl<'a> Checker<'a> {
    /// Builds every schema. `order` is the order of aggregates in which by-value parts come first.
    pub(super) fn build_schemas(&mut self, order: &[AggregateId]) -> Vec<Schema> {
        self.check_class_numbers();
        let mut types = self.types_by_schema(order);
        (0..self.schemas.len())
            .map(|index| self.build_schema(index, std::mem::take(&mut types[index])))
            .collect()
    }

    fn build_schema(&mut self, index: SchemaIndex, types: Vec<TypeId>) -> Schema {
        let file = self.schemas[index].file;
        let header = self.schemas[index].header;
        let spaces = self.build_spaces(index);
        let properties = self.build_properties(index);
        let entry = self.build_entry(index);
        let consumers = self.build_consumers(index);
        let mut docs = file.docs.clone();
        if !header.docs.is_empty() {
            docs.push_str(if docs.is_empty() { "" } else { "\n\n" });
            docs.push_str(&header.docs);
        }
        let of_schema = |schema: SchemaIndex| schema == index;
        let constants = (0..self.constants.len())
            .filter(|&i| of_schema(self.constants[i].schema))
            .map(|i| ConstantId(i as u32))
            .collect();
        let classes = (0..self.classes.len())
            .filter(|&i| of_schema(self.classes[i].schema))
            .map(|i| ClassId(i as u32))
            .collect();
        let declaration = &self.schemas[index];
        Schema {
            name: declaration.name.clone(),
            version: declaration.version,
            latest: declaration.latest,
            origin: header.span,
            docs,
            imported: self.sources.file(file.file).imported,
            dependencies: declaration.dependencies.iter().map(|i| SchemaId(*i as u32)).collect(),
            constants,
            types,
            properties,
            classes,
            entry,
            spaces,
            consumers,
        }
    }

    /// The named types of each schema: enums and flags, which hold nothing, then aggregates in order.
    fn types_by_schema(&self, order: &[AggregateId]) -> Vec<Vec<TypeId>> {
        let mut types: Vec<Vec<TypeId>> = vec![Vec::new(); self.schemas.len()];
        for (index, declaration) in self.enums.iter().enumerate() {
            types[declaration.schema].push(TypeId::Enum(EnumId(index as u32)));
        }
        for (index, declaration) in self.flags.iter().enumerate() {
            types[declaration.schema].push(TypeId::Flags(FlagsId(index as u32)));
        }
        for list in &mut types {
            list.sort_by_key(|id| match id {
                TypeId::Enum(id) => self.enums[id.index()].item.span,
                TypeId::Flags(id) => self.flags[id.index()].item.span,
                TypeId::Aggregate(id) => self.aggregates[id.index()].item.span,
            });
        }
        for id in order.iter().filter(|id| self.built[id.index()].parent.is_none()) {
            types[self.aggregates[id.index()].schema].push(TypeId::Aggregate(*id));
        }
        types
    }

    fn build_properties(&mut self, schema: SchemaIndex) -> Option<Properties> {
        let item = self.schemas[schema].properties?;
        let ast::ItemKind::Properties { members } = &item.kind else { return None };
        self.check_attributes(&item.attributes, Place::PROPERTIES);
        self.check_members(schema, &item.name, members, Place::PROPERTY);
        let is_core = Some(schema) == self.core;
        let range = if is_core { (FIRST_CORE_BIT, 63) } else { (0, FIRST_CORE_BIT - 1) };
        let bits = self.bit_ranges(schema, members, range, Code::E0804);
        let members = self.build_flag_members(schema, &item.name.text, members, &bits);
        let naming = self.item_naming(schema, item, "");
        Some(Properties { naming, members })
    }

    /// Names of an item whose C name is a macro or a type: `a_b_name`, in Rust `Name`.
    fn item_naming(&mut self, schema: SchemaIndex, item: &'a ast::Item, infix: &str) -> Naming {
        let prefix = names::schema_word(&self.schemas[schema].name);
        let c = names::c_identifier(&format!("{prefix}_{infix}{}", item.name.text));
        let rust = names::rust_type(&item.name.text);
        self.naming(schema, &item.name, &item.docs, &item.attributes, (c, rust))
    }

    /// Names of an item that is a constant in both languages: `A_B_SPACE_NAME` and `NAME`.
    pub(super) fn upper_naming(
        &mut self,
        schema: SchemaIndex,
        item: &'a ast::Item,
        infix: &str,
    ) -> Naming {
        let prefix = names::upper_case(&names::schema_word(&self.schemas[schema].name));
        let upper = names::upper_case(&item.name.text);
        let derived = (
            names::c_identifier(&format!("{prefix}_{infix}_{upper}")),
            names::rust_identifier(&upper),
        );
        self.naming(schema, &item.name, &item.docs, &item.attributes, derived)
    }

    fn class_number(&mut self, id: ClassId) -> u32 {
        let declaration = &self.classes[id.index()];
        let (schema, item) = (declaration.schema, declaration.item);
        let range = (1, (1 << 31) - 1);
        if let Some((number, _)) = self.number_attribute(schema, &item.attributes, "number", range)
        {
            return number as u32;
        }
        hash::class_number(&self.schemas[schema].name, &item.name.text)
    }

    fn check_class_numbers(&mut self) {
        let mut seen: HashMap<u32, ClassId> = HashMap::default();
        for index in 0..self.classes.len() {
            let id = ClassId(index as u32);
            let number = self.class_number(id);
            let name = self.classes[index].item.name.clone();
            if let Some(first) = seen.insert(number, id) {
                let other = &self.classes[first.index()];
                let (schema, other) = (&self.schemas[other.schema].name, &other.item.name);
                let message = format!(
                    "`{}` and `{schema}::{}` have the number {number}",
                    name.text, other.text
                );
                let diagnostic = Diagnostic::new(Code::E0802, name.span, message)
                    .also(other.span, "the other class")
                    .help("give one of them a number of its own: `#[number(n)]`");
                self.push(diagnostic);
            }
        }
    }

    pub(super) fn build_classes(&mut self) -> Vec<Option<Class>> {
        (0..self.classes.len()).map(|index| self.build_class(ClassId(index as u32))).collect()
    }

    fn build_class(&mut self, id: ClassId) -> Option<Class> {
        let declaration = &self.classes[id.index()];
        let (schema, item) = (declaration.schema, declaration.item);
        let ast::ItemKind::Class { target, settings } = &item.kind else { return None };
        self.check_attributes(&item.attributes, Place::CLASS);
        self.check_settings(settings, &["key", "properties"], "a class");
        let key = setting(settings, "key").and_then(|setting| self.setting_word(setting));
        let properties = match setting(settings, "properties") {
            Some(setting) => self.setting_properties(schema, setting),
            None => 0,
        };
        let mut naming = self.upper_naming(schema, item, "CLASS");
        let rust_constant = naming.rust.clone();
        let renamed = find(&item.attributes, "rust_name").is_some();
        if !renamed {
            naming.rust = names::rust_type(&item.name.text);
        }
        let number = self.class_number(id);
        let target = self.resolve_type(schema, Where::Class, target, None)?;
        let schema = SchemaId(schema as u32);
        let rust_constant = if renamed { names::upper_case(&naming.rust) } else { rust_constant };
        Some(Class { schema, naming, rust_constant, number, target, key, properties })
    }

    /// Reports settings that are unknown or repeated.
    pub(super) fn check_settings(
        &mut self,
        settings: &'a [ast::Setting],
        known: &[&str],
        what: &str,
    ) {
        for (index, setting) in settings.iter().enumerate() {
            let key = &setting.key;
            if !known.contains(&key.text.as_str()) {
                let message = format!("{what} has no setting `{}`", key.text);
                let mut diagnostic = Diagnostic::new(Code::E0803, key.span, message)
                    .help(format!("its settings are {}", known.join(", ")));
                if let Some(near) = nearest(&key.text, known.iter().copied()) {
                    diagnostic = diagnostic.suggest(format!("write `{near}`"), key.span, near);
                }
                self.push(diagnostic);
            } else if let Some(first) = settings[..index].iter().find(|s| s.key.text == key.text) {
                let message = format!("`{}` is set twice", key.text);
                let diagnostic = Diagnostic::new(Code::E0803, key.span, message)
                    .also(first.key.span, "first set here");
                self.push(diagnostic);
            }
        }
    }

    fn setting_word(&mut self, setting: &'a ast::Setting) -> Option<String> {
        if let ast::SettingValue::Expr(expr) = &setting.value
            && let ast::ExprKind::Path(path) = &expr.kind
            && let ([word], []) = (path.dotted.as_slice(), path.members.as_slice())
        {
            return Some(word.text.clone());
        }
        let message = format!("`{}` is set to one word", setting.key.text);
        self.error(Code::E0803, setting.span, message);
        None
    }

    /// `dump | persist`
    pub(super) fn setting_properties(
        &mut self,
        schema: SchemaIndex,
        setting: &'a ast::Setting,
    ) -> u64 {
        let ast::SettingValue::Expr(expr) = &setting.value else {
            let message = format!("`{}` is a union of bits", setting.key.text);
            self.push(
                Diagnostic::new(Code::E0803, setting.span, message).help("write `dump | persist`"),
            );
            return 0;
        };
        self.property_union(schema, expr)
    }

    fn property_union(&mut self, schema: SchemaIndex, expr: &'a ast::Expr) -> u64 {
        match &expr.kind {
            ast::ExprKind::Group(inner) => self.property_union(schema, inner),
            ast::ExprKind::Binary(BinaryOperator::Or, left, right) => {
                self.property_union(schema, left) | self.property_union(schema, right)
            }
            ast::ExprKind::Path(path) => self.property_mask(schema, path).unwrap_or(0),
            _ => {
                self.push(
                    Diagnostic::new(Code::E0405, expr.span, "properties are expected here")
                        .help("write `dump | persist`"),
                );
                0
            }
        }
    }

    /// The bits of a property of the schema, of another one (`a.b::dump`) or of the core.
    pub(super) fn property_mask(
        &mut self,
        schema: SchemaIndex,
        path: &'a ast::Path,
    ) -> Option<u64> {
        let (owners, word) = match (path.dotted.as_slice(), path.members.as_slice()) {
            ([word], []) => (vec![Some(schema), self.core], word),
            _ => {
                self.error(Code::E0201, path.span, "a property is one word");
                return None;
            }
        };
        let mut known = Vec::new();
        for owner in owners.into_iter().flatten() {
            let Some(item) = self.schemas[owner].properties else { continue };
            let ast::ItemKind::Properties { members } = &item.kind else { continue };
            let is_core = Some(owner) == self.core;
            let range = if is_core { (FIRST_CORE_BIT, 63) } else { (0, FIRST_CORE_BIT - 1) };
            let position = members.iter().position(|member| {
                member.name.text == word.text && self.member_exists(owner, member)
            });
            if let Some(position) = position {
                let bits = self.bit_ranges(owner, members, range, Code::E0804);
                let (first, last) = bits[position]?;
                let width = u32::from(last - first) + 1;
                return Some((u64::MAX >> (64 - width)) << first);
            }
            known.extend(members.iter().map(|member| member.name.text.as_str()));
        }
        // Facts that a later version names say nothing about this one.
        if known.contains(&word.text.as_str()) {
            return None;
        }
        let mut diagnostic = unknown_name("property", word, &known);
        if diagnostic.suggestion.is_none() && self.schemas[schema].properties.is_none() {
            diagnostic = diagnostic
                .help(format!("a schema declares its own: `properties facts {{ {} }}`", word.text));
        }
        self.push(diagnostic);
        None
    }

    /// Whether a word is a property of the schema or of the format.
    pub(super) fn is_property(&self, schema: SchemaIndex, word: &str) -> bool {
        [Some(schema), self.core].into_iter().flatten().any(|owner| {
            let members = self.schemas[owner].properties.map(|item| &item.kind);
            matches!(members, Some(ast::ItemKind::Properties { members })
                if members.iter().any(|member| member.name.text == word))
        })
    }

    fn build_entry(&mut self, schema: SchemaIndex) -> Entry {
        let Some(item) = self.schemas[schema].entry else {
            let prefix = names::schema_word(&self.schemas[schema].name);
            // A schema's own `entry` comes first: the core entry has no name but this one.
            let mut own = self.schemas[schema].scope.own_types();
            let taken = own.any(|name| names::camel_case(name) == "Entry");
            let end = if taken { "_" } else { "" };
            let naming = Naming {
                name: "entry".to_owned(),
                c: format!("{prefix}_entry{end}"),
                rust: format!("Entry{end}"),
                docs: String::new(),
                origin: self.schemas[schema].header.span,
                lifetime: forever(),
            };
            let size = CORE_ENTRY_SIZE as u32;
            return Entry { naming, declared: false, fields: Vec::new(), size };
        };
        self.check_attributes(&item.attributes, Place::ENTRY);
        let naming = self.item_naming(schema, item, "");
        let ast::ItemKind::Entry { fields } = &item.kind else {
            unreachable!("only entries are kept as entries")
        };
        let mut built: Vec<EntryField> = Vec::new();
        let mut end = CORE_ENTRY_SIZE;
        let mut youngest: (u32, Option<Span>) = (1, None);
        for field in fields {
            self.check_attributes(&field.attributes, Place::ENTRY_FIELD);
            let since = self.lifetime(schema, &field.attributes).since;
            if since < youngest.0 {
                let message =
                    format!("a field of version {since} behind one of version {}", youngest.0);
                let mut diagnostic = Diagnostic::new(Code::E0602, field.span, message)
                    .help("an entry grows at its end only: move the field, or raise its version");
                if let Some(span) = youngest.1 {
                    diagnostic = diagnostic.also(span, "the younger one");
                }
                self.push(diagnostic);
            } else {
                youngest = (since, Some(field.span));
            }
            if !self.exists(schema, &field.attributes) {
                continue;
            }
            if let Some(field) = self.build_entry_field(schema, field, &mut end) {
                built.push(field);
            }
        }
        self.check_entry_names(&built);
        let size = u32::try_from(end.next_multiple_of(8)).unwrap_or(u32::MAX);
        Entry { naming, declared: true, fields: built, size }
    }

    fn check_entry_names(&mut self, fields: &[EntryField]) {
        /// The core entry's own fields, which every row has.
        const CORE: [&str; 12] = [
            "state",
            "id",
            "class",
            "type",
            "properties",
            "address",
            "length",
            "instance",
            "name",
            "space",
            "extent",
            "bound",
        ];
        for (index, field) in fields.iter().enumerate() {
            let name = field.naming.name.as_str();
            if CORE.contains(&name) || name == "bound_size" || PAIR_KEYS.contains(&name) {
                let message = format!("`{name}` is a word of the format itself");
                self.push(
                    Diagnostic::new(Code::E0807, field.naming.origin, message)
                        .help("every entry and every annotation has it: choose another name"),
                );
            }
            if let Some(first) = fields[..index].iter().find(|other| other.naming.name == name) {
                let gone = first.naming.lifetime.removed.is_some();
                let code = if gone { Code::E0603 } else { Code::E0202 };
                let message = format!("two fields of the entry are called `{name}`");
                let diagnostic = Diagnostic::new(code, field.naming.origin, message)
                    .also(first.naming.origin, "first defined here");
                self.push(diagnostic);
            }
        }
    }

    fn build_entry_field(
        &mut self,
        schema: SchemaIndex,
        field: &'a ast::Field,
        end: &mut u64,
    ) -> Option<EntryField> {
        if field.bits.is_some() {
            self.push(
                Diagnostic::new(Code::E0306, field.span, "a bit-field cannot stand in an entry")
                    .help("name whole bytes, and the bits in them with `flags`"),
            );
            return None;
        }
        let name = field.name.as_ref();
        let Some(name) = name.filter(|name| name.text != "_") else {
            self.push(
                Diagnostic::new(Code::E0807, field.span, "a field of an entry needs a name")
                    .help("padding in an entry is added for you"),
            );
            return None;
        };
        let ty = self.resolve_type(schema, Where::Entry, &field.ty, None)?;
        if matches!(ty, Type::Flexible(_)) {
            self.error(Code::E0303, field.span, "an entry has no flexible array");
            return None;
        }
        let extent = self.fixed_extent(&ty)?;
        let default = match &field.value {
            Some(value) => self.field_value(schema, &ty, value)?,
            None => self.zero_of(&ty),
        };
        let offset = end.next_multiple_of(extent.align);
        *end =
            offset.checked_add(extent.size).filter(|end| *end <= MAX_ENTRY_SIZE).or_else(|| {
                let message = format!("an entry has at most {MAX_ENTRY_SIZE} bytes");
                self.error(Code::E0807, field.span, message);
                None
            })?;
        let derived = (names::c_identifier(&name.text), names::rust_entry_field(&name.text));
        Some(EntryField {
            naming: self.naming(schema, name, &field.docs, &field.attributes, derived),
            ty,
            offset: offset as u32,
            size: extent.size as u32,
            align: extent.align as u32,
            default,
            unit: self.text_attribute(&field.attributes, "unit").map(|(text, _)| text),
            display: self.display_attribute(&field.attributes),
            sensitive: find(&field.attributes, "sensitive").is_some(),
        })
    }

    /// Size and alignment of a type that is the same everywhere. Eight bytes align to eight: the strictest
    /// target decides for all.
    fn fixed_extent(&mut self, ty: &Type) -> Option<Extent> {
        let strict = Target::all().max_by_key(|target| target.info().align_8)?;
        type_extent(&self.known_types(), ty, strict).ok()
    }

    fn zero_of(&mut self, ty: &Type) -> Value {
        match self.range_of(ty) {
            Some(Range::Bytes(length)) => {
                Value::Bytes(vec![0; length.min(MAX_ENTRY_SIZE) as usize])
            }
            Some(Range::Text) => Value::Text(String::new()),
            _ => Value::Int(0),
        }
    }

    fn build_spaces(&mut self, schema: SchemaIndex) -> Vec<Space> {
        let mut spaces: Vec<Space> = Vec::new();
        for item in &self.schemas[schema].file.items {
            if !self.exists(schema, &item.attributes) {
                continue;
            }
            let ast::ItemKind::Space { number, settings } = &item.kind else { continue };
            self.check_attributes(&item.attributes, Place::SPACE);
            let Some(space) = self.build_space(schema, item, number, settings) else { continue };
            if let Some(other) = spaces.iter().find(|other| other.number == space.number) {
                let message = format!("two spaces have the number {}", space.number);
                let diagnostic = Diagnostic::new(Code::E0806, number.span, message)
                    .also(other.naming.origin, "the other space");
                self.push(diagnostic);
            }
            spaces.push(space);
        }
        spaces
    }

    fn build_space(
        &mut self,
        schema: SchemaIndex,
        item: &'a ast::Item,
        number: &'a ast::Expr,
        settings: &'a [ast::Setting],
    ) -> Option<Space> {
        let known = ["section", "base", "assign", "partial", "max_regions"];
        self.check_settings(settings, &known, "a space");
        let whole = (i128::MIN, i128::MAX);
        let number_value =
            self.integer(schema, number, whole.0, whole.1, "the number of a space")?;
        let number_value =
            u16::try_from(number_value).ok().filter(|n| *n >= 256).or_else(|| {
                self.push(
                    Diagnostic::new(
                        Code::E0806,
                        number.span,
                        "a schema's space has a number of 256 to 65535",
                    )
                    .help("the numbers below belong to the format"),
                );
                None
            })?;
        let section = self.setting_number(schema, settings, "section", u64::MAX.into());
        if setting(settings, "section").is_none() {
            let message = "a space needs the size of its sections";
            self.push(
                Diagnostic::new(Code::E0806, item.name.span, message)
                    .help("write `section: 16MiB`"),
            );
        }
        let (section, section_span) = section?;
        if section.count_ones() != 1 {
            let message = "the size of a section is a power of two";
            self.error(Code::E0806, section_span, message);
            return None;
        }
        let (base, base_span) = self
            .setting_number(schema, settings, "base", u64::MAX.into())
            .unwrap_or((0, section_span));
        if base % section != 0 {
            self.error(Code::E0806, base_span, "the base is a multiple of the section size");
        }
        let max_regions = self.setting_number(schema, settings, "max_regions", u32::MAX.into());
        if let Some((0, span)) = max_regions {
            self.error(Code::E0806, span, "a space takes at least one region");
        }
        let assign = [("stable", Assign::Stable), ("compact", Assign::Compact)];
        let partial = [
            ("reject", Partial::Reject),
            ("round_in", Partial::RoundIn),
            ("round_out", Partial::RoundOut),
        ];
        Some(Space {
            naming: self.upper_naming(schema, item, "SPACE"),
            number: number_value,
            section_size: section,
            base,
            assign: self.setting_choice(settings, "assign", &assign),
            partial: self.setting_choice(settings, "partial", &partial),
            max_regions: max_regions.map(|(value, _)| value as u32),
        })
    }

    fn setting_number(
        &mut self,
        schema: SchemaIndex,
        settings: &'a [ast::Setting],
        key: &str,
        high: i128,
    ) -> Option<(u64, Span)> {
        let setting = setting(settings, key)?;
        let ast::SettingValue::Expr(expr) = &setting.value else {
            let message = format!("`{key}` is set to a number");
            self.error(Code::E0803, setting.span, message);
            return None;
        };
        let value = self.integer(schema, expr, 0, high, &format!("`{key}`"))?;
        Some((value as u64, expr.span))
    }

    /// One word of a few; the first is the default.
    fn setting_choice<T: Copy>(
        &mut self,
        settings: &'a [ast::Setting],
        key: &str,
        choices: &[(&str, T)],
    ) -> T {
        let Some(setting) = setting(settings, key) else { return choices[0].1 };
        let Some(word) = self.setting_word(setting) else { return choices[0].1 };
        if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == word) {
            return *choice;
        }
        let words: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let message = format!("`{key}` is not `{word}`");
        let mut diagnostic = Diagnostic::new(Code::E0803, setting.span, message)
            .help(format!("it is one of {}", words.join(", ")));
        if let (Some(near), ast::SettingValue::Expr(expr)) = (nearest(&word, words), &setting.value)
        {
            diagnostic = diagnostic.suggest(format!("write `{near}`"), expr.span, near);
        }
        self.push(diagnostic);
        choices[0].1
    }
}

/// The longest row: strides are kept far below what a hostile table could claim.
const MAX_ENTRY_SIZE: u64 = 64 * 1024;

/// Keys of annotation records: a field of an entry with such a name could not be annotated.
const PAIR_KEYS: [&str; 4] = ["end", "count", "file", "line"];

pub(super) fn setting<'b>(settings: &'b [ast::Setting], key: &str) -> Option<&'b ast::Setting> {
    settings.iter().find(|setting| setting.key.text == key)
}
