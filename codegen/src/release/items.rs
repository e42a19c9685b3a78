//! Everything that a schema declares as items with facts. Structs are taken apart in `structs`.
//!
//! As there: no `..`, so that nothing new in the model is passed over.

use super::structs::push_struct;
use super::{Fact, Facts, Item, ItemKind, Member, Value};
use crate::emit::rust::api::SchemaApi;
use crate::emit::spell;
use crate::model::{
    Assign, Class, Constant, ConstantValue, Consumer, Entry, EntryField, Enum, EnumMember,
    EnumRepr, FlagMember, Flags, Lifetime, Limit, Model, Naming, Partial, Properties, Rule, Schema,
    SchemaId, Space, Type, TypeId, names,
};

/// The items of a schema, in no order.
pub(super) fn items(model: &Model, api: &SchemaApi<'_>, id: SchemaId) -> Vec<Item> {
    let Schema {
        // These are the schema's own, not its items'.
        name: _,
        version: _,
        latest: _,
        origin: _,
        dependencies: _,
        // Words for people.
        docs: _,
        // Whoever asks decides which schemas count.
        imported: _,
        constants,
        types,
        properties,
        classes,
        entry,
        spaces,
        consumers,
    } = &model[id];
    let cx = Context { model, schema: id, word: names::schema_word(&model[id].name) };
    let mut items = Vec::new();
    items.extend(constants.iter().map(|id| cx.constant(&model[*id])));
    for ty in types {
        match ty {
            TypeId::Aggregate(id) => push_struct(model, api, *id, &mut items),
            TypeId::Enum(id) => items.push(cx.enumeration(&model[*id])),
            TypeId::Flags(id) => items.push(cx.flags(&model[*id])),
        }
    }
    items.extend(properties.iter().map(|properties| cx.properties(properties)));
    items.extend(classes.iter().map(|id| cx.class(&model[*id])));
    items.push(cx.entry(entry, api));
    items.extend(spaces.iter().map(|space| cx.space(space)));
    items.extend(consumers.iter().map(|consumer| cx.consumer(consumer)));
    items
}

/// What a name says: its age, and what it is in the outputs where that does not follow from the name.
pub(super) fn naming_facts(facts: &mut Facts, naming: &Naming, c: &str, rust: &str) {
    let Naming {
        // The key of what it names.
        name: _,
        c: c_name,
        rust: rust_name,
        // Words for people.
        docs: _,
        // Known as the place of what it names.
        origin: _,
        lifetime,
    } = naming;
    let Lifetime { since, deprecated, removed } = lifetime;
    if *since > 1 {
        facts.say(Fact::Since, Value::Number(u64::from(*since)));
    }
    if let Some((version, instead)) = deprecated {
        facts.say_text(Fact::Deprecated, format!("{version} {instead}").trim_end());
    }
    number(facts, Fact::Removed, removed.map(u64::from));
    if c_name != c {
        facts.say_text(Fact::CName, c_name.as_str());
    }
    if rust_name != rust {
        facts.say_text(Fact::RustName, rust_name.as_str());
    }
}

/// A type. What it says of a named one is the name: that one is an item of its own.
pub(super) fn type_facts(facts: &mut Facts, model: &Model, schema: SchemaId, ty: &Type) {
    facts.say_text(Fact::Type, spell::type_text(model, schema, ty));
}

/// Words, if there are some.
pub(super) fn list_fact(facts: &mut Facts, fact: Fact, words: &[String]) {
    if !words.is_empty() {
        facts.say_text(fact, words.join(", "));
    }
}

/// A number, if there is one.
pub(super) fn number(facts: &mut Facts, fact: Fact, number: Option<u64>) {
    if let Some(number) = number {
        facts.say(fact, Value::Number(number));
    }
}

struct Context<'m> {
    model: &'m Model,
    schema: SchemaId,
    /// `linux_mm`
    word: String,
}

impl Context<'_> {
    /// `A_B_NAME`, from the words behind the schema's.
    fn upper(&self, words: &[&str]) -> String {
        let mut name = names::upper_case(&self.word);
        for word in words {
            name.push('_');
            name.push_str(&names::upper_case(word));
        }
        names::c_identifier(&name)
    }

    fn constant(&self, constant: &Constant) -> Item {
        let Constant {
            // The item stands in its schema.
            schema: _,
            naming,
            ty,
            value,
        } = constant;
        let mut facts = Facts::default();
        type_facts(&mut facts, self.model, self.schema, ty);
        let c = match value {
            ConstantValue::Known(value) => {
                facts.say_text(Fact::Value, spell::value_text(value));
                self.upper(&[&naming.name])
            }
            ConstantValue::Captured(header) => {
                facts.say_text(Fact::From, header.as_str());
                naming.name.clone()
            }
        };
        let rust = names::rust_identifier(&names::upper_case(&naming.name));
        naming_facts(&mut facts, naming, &c, &rust);
        item(ItemKind::Constant, naming, facts, Vec::new())
    }

    fn enumeration(&self, enumeration: &Enum) -> Item {
        let Enum {
            // The item stands in its schema.
            schema: _,
            naming,
            repr,
            open,
            header,
            members,
        } = enumeration;
        let mut facts = Facts::default();
        match repr {
            EnumRepr::Scalar(scalar) => facts.say_text(Fact::Type, scalar.word()),
            EnumRepr::C(by_target) => {
                facts.say_text(Fact::Type, "int");
                facts.say(Fact::Size, Value::by_target(by_target.map(|(size, _)| size.into())));
                let signed = by_target.map(|(_, is_signed)| is_signed.into());
                facts.say(Fact::Signed, Value::by_target(signed));
            }
        }
        facts.say_if(Fact::Open, *open);
        if let Some(header) = header {
            facts.say_text(Fact::From, header.as_str());
        }
        let c = match header {
            Some(_) => naming.name.clone(),
            None => names::c_identifier(&format!("{}_{}", self.word, naming.name)),
        };
        naming_facts(&mut facts, naming, &c, &names::rust_type(&naming.name));
        let members = members.iter().map(|member| {
            let EnumMember { naming: name, value } = member;
            let mut facts = Facts::default();
            if let Some(value) = value {
                facts.say_text(Fact::Value, value.to_string());
            }
            let c = match header {
                Some(_) => name.name.clone(),
                None => self.upper(&[&naming.name, &name.name]),
            };
            let rust = names::rust_member(&names::camel_case(&name.name));
            naming_facts(&mut facts, name, &c, &rust);
            self::member(name, facts)
        });
        item(ItemKind::Enum, naming, facts, members.collect())
    }

    fn flags(&self, flags: &Flags) -> Item {
        let Flags {
            // The item stands in its schema.
            schema: _,
            naming,
            repr,
            members,
        } = flags;
        let mut facts = Facts::default();
        facts.say_text(Fact::Type, repr.word());
        let c = names::c_identifier(&format!("{}_{}", self.word, naming.name));
        naming_facts(&mut facts, naming, &c, &names::rust_type(&naming.name));
        item(ItemKind::Flags, naming, facts, self.bits(&naming.name, members))
    }

    fn bits(&self, owner: &str, members: &[FlagMember]) -> Vec<Member> {
        let members = members.iter().map(|member| {
            let FlagMember { naming, first, last } = member;
            let mut facts = Facts::default();
            let mask = if first == last { first.to_string() } else { format!("{first}..{last}") };
            facts.say_text(Fact::Mask, mask);
            let c = self.upper(&[owner, &naming.name]);
            let rust = names::rust_member(&names::upper_case(&naming.name));
            naming_facts(&mut facts, naming, &c, &rust);
            self::member(naming, facts)
        });
        members.collect()
    }

    fn properties(&self, properties: &Properties) -> Item {
        let Properties { naming, members } = properties;
        let mut facts = Facts::default();
        facts.say_text(Fact::Name, naming.name.as_str());
        let c = names::c_identifier(&format!("{}_{}", self.word, naming.name));
        naming_facts(&mut facts, naming, &c, &names::rust_type(&naming.name));
        let members = self.bits(&naming.name, members);
        Item { name: "".into(), ..item(ItemKind::Properties, naming, facts, members) }
    }

    fn class(&self, class: &Class) -> Item {
        let Class {
            // The item stands in its schema.
            schema: _,
            naming,
            // The name in capitals, and as `naming` says where that was renamed.
            rust_constant: _,
            number: class_number,
            target,
            key,
            properties,
        } = class;
        let mut facts = Facts::default();
        type_facts(&mut facts, self.model, self.schema, target);
        number(&mut facts, Fact::Number, Some((*class_number).into()));
        if let Some(key) = key {
            facts.say_text(Fact::Key, key.as_str());
        }
        self.property_facts(&mut facts, Fact::Properties, *properties);
        let c = self.upper(&["CLASS", &naming.name]);
        naming_facts(&mut facts, naming, &c, &names::rust_type(&naming.name));
        item(ItemKind::Class, naming, facts, Vec::new())
    }

    fn property_facts(&self, facts: &mut Facts, fact: Fact, bits: u64) {
        if bits != 0 {
            let names = spell::property_names(self.model, self.schema, bits);
            facts.say_text(fact, names.join("|"));
        }
    }

    fn entry(&self, entry: &Entry, api: &SchemaApi<'_>) -> Item {
        let Entry {
            naming,
            // One that is not written is called `entry`, and otherwise like one without fields.
            declared: _,
            fields,
            size,
        } = entry;
        let mut facts = Facts::default();
        facts.say_text(Fact::Name, naming.name.as_str());
        number(&mut facts, Fact::Size, Some((*size).into()));
        let c = names::c_identifier(&format!("{}_{}", self.word, naming.name));
        naming_facts(&mut facts, naming, &c, &names::rust_type(&naming.name));
        list_fact(&mut facts, Fact::RustNames, &api.names());
        let members = fields.iter().map(|field| {
            let EntryField {
                naming,
                ty,
                offset,
                size,
                // The offset says what it does.
                align: _,
                default,
                unit,
                display,
                sensitive,
            } = field;
            let mut facts = Facts::default();
            type_facts(&mut facts, self.model, self.schema, ty);
            number(&mut facts, Fact::Offset, Some((*offset).into()));
            number(&mut facts, Fact::Size, Some((*size).into()));
            facts.say_text(Fact::Default, spell::value_text(default));
            if let Some(unit) = unit {
                facts.say_text(Fact::Unit, unit.as_str());
            }
            if let Some(display) = display {
                facts.say_text(Fact::Display, display.word());
            }
            facts.say_if(Fact::Sensitive, *sensitive);
            let rust = names::rust_entry_field(&naming.name);
            naming_facts(&mut facts, naming, &names::c_identifier(&naming.name), &rust);
            self::member(naming, facts)
        });
        let members = members.collect();
        Item { name: "".into(), ..item(ItemKind::Entry, naming, facts, members) }
    }

    fn space(&self, space: &Space) -> Item {
        let Space { naming, number: own, section_size, base, assign, partial, max_regions } = space;
        let mut facts = Facts::default();
        number(&mut facts, Fact::Number, Some((*own).into()));
        number(&mut facts, Fact::Section, Some(*section_size));
        number(&mut facts, Fact::Base, Some(*base));
        let assign = match assign {
            Assign::Stable => "stable",
            Assign::Compact => "compact",
        };
        facts.say_text(Fact::Assign, assign);
        let partial = match partial {
            Partial::Reject => "reject",
            Partial::RoundIn => "round_in",
            Partial::RoundOut => "round_out",
        };
        facts.say_text(Fact::Partial, partial);
        number(&mut facts, Fact::MaxRegions, max_regions.map(u64::from));
        let rust = names::rust_identifier(&names::upper_case(&naming.name));
        naming_facts(&mut facts, naming, &self.upper(&["SPACE", &naming.name]), &rust);
        item(ItemKind::Space, naming, facts, Vec::new())
    }

    fn consumer(&self, consumer: &Consumer) -> Item {
        let Consumer { naming, allow, deny, require, permit, order, limit } = consumer;
        let Limit { regions, name, bytes } = limit;
        let mut facts = Facts::default();
        self.rule_facts(&mut facts, Fact::Allow, allow, true);
        self.rule_facts(&mut facts, Fact::Deny, deny, true);
        self.property_facts(&mut facts, Fact::Require, *require);
        self.property_facts(&mut facts, Fact::Permit, *permit);
        self.rule_facts(&mut facts, Fact::Order, order, false);
        number(&mut facts, Fact::LimitRegions, *regions);
        number(&mut facts, Fact::LimitName, *name);
        number(&mut facts, Fact::LimitBytes, *bytes);
        let rust = names::rust_identifier(&names::upper_case(&naming.name));
        naming_facts(&mut facts, naming, &self.upper(&["CONSUMER", &naming.name]), &rust);
        item(ItemKind::Consumer, naming, facts, Vec::new())
    }

    /// Rules as the language writes them; sorted where their order means nothing.
    fn rule_facts(&self, facts: &mut Facts, fact: Fact, rules: &[Rule], sort: bool) {
        let mut texts: Vec<String> = rules.iter().map(|rule| self.rule(rule)).collect();
        if sort {
            texts.sort();
        }
        if !texts.is_empty() {
            facts.say_text(fact, texts.join(", "));
        }
    }

    fn rule(&self, rule: &Rule) -> String {
        let class = |id| spell::class_name(self.model, self.schema, id);
        match rule {
            Rule::Class(id) => format!("class {}", class(*id)),
            Rule::Entry { class: id, name, instance } => {
                let name = name.as_ref().map(|name| format!("(\"{}\")", name.escape_default()));
                let instance = instance.map(|instance| format!("[{instance}]"));
                let (name, instance) = (name.unwrap_or_default(), instance.unwrap_or_default());
                format!("entry {}{name}{instance}", class(*id))
            }
            Rule::Properties(bits) => {
                spell::property_names(self.model, self.schema, *bits).join("|")
            }
        }
    }
}

fn item(kind: ItemKind, naming: &Naming, facts: Facts, mut members: Vec<Member>) -> Item {
    members.sort_by(|a, b| a.name.cmp(&b.name));
    let (name, place) = (naming.name.as_str().into(), naming.origin);
    Item { kind, name, facts, members, place }
}

fn member(naming: &Naming, facts: Facts) -> Member {
    Member { name: naming.name.as_str().into(), facts, place: naming.origin }
}
