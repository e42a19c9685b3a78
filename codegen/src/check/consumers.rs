//! Consumers: who may see what, as rules over classes, entries and property bits.

use super::attributes::Place;
use super::items::setting;
use super::scope::{Found, NameSpace};
use super::{Checker, SchemaIndex};
use crate::diag::{Code, Diagnostic, nearest};
use crate::model::{ClassId, Consumer, Limit, Rule};
use crate::source::Span;
use crate::syntax::ast;

impl<'a> Checker<'a> {
    pub(super) fn build_consumers(&mut self, schema: SchemaIndex) -> Vec<Consumer> {
        let mut consumers = Vec::new();
        for item in &self.schemas[schema].file.items {
            if !self.exists(schema, &item.attributes) {
                continue;
            }
            let ast::ItemKind::Consumer { settings } = &item.kind else { continue };
            self.check_attributes(&item.attributes, Place::CONSUMER);
            self.check_settings(
                settings,
                &["allow", "require", "deny", "order", "limit"],
                "a consumer",
            );
            let consumer = self.build_consumer(schema, item, settings);
            consumers.push(consumer);
        }
        consumers
    }

    fn build_consumer(
        &mut self,
        schema: SchemaIndex,
        item: &'a ast::Item,
        settings: &'a [ast::Setting],
    ) -> Consumer {
        let allow = self.rules(schema, settings, "allow");
        let deny = self.rules(schema, settings, "deny");
        let require = self.rules(schema, settings, "require");
        let order = self.rules(schema, settings, "order");
        let bits = |rules: &[(Rule, Span)]| {
            rules.iter().fold(0, |bits, (rule, _)| match rule {
                Rule::Properties(mask) => bits | mask,
                _ => bits,
            })
        };
        let (permit, denied) = (bits(&allow), bits(&deny));
        self.check_rules(&allow, &deny, denied);
        for (rule, span) in &require {
            if !matches!(rule, Rule::Properties(_)) {
                self.error(Code::E0805, *span, "`require` lists properties");
            }
        }
        for (rule, span) in &order {
            if matches!(rule, Rule::Properties(_)) {
                self.error(Code::E0805, *span, "`order` lists classes and entries");
            }
        }
        let rules = |rules: Vec<(Rule, Span)>| rules.into_iter().map(|(rule, _)| rule).collect();
        let limit = self.limit(schema, settings);
        let is_entry = |rule: &(Rule, Span)| !matches!(rule.0, Rule::Properties(_));
        Consumer {
            naming: self.upper_naming(schema, item, "CONSUMER"),
            require: bits(&require),
            allow: rules(allow.into_iter().filter(is_entry).collect()),
            deny: rules(deny),
            permit,
            order: rules(order),
            limit,
        }
    }

    /// `deny` beats `allow`: what is always denied need not be allowed. In `allow`, a property permits what
    /// is refused by default.
    fn check_rules(&mut self, allow: &[(Rule, Span)], deny: &[(Rule, Span)], denied: u64) {
        const REFUSED: u64 = 1 << 63 | 1 << 60;
        for (rule, span) in allow {
            if let Rule::Properties(mask) = rule
                && mask & !REFUSED != 0
            {
                self.push(
                    Diagnostic::new(Code::E0805, *span, "`allow` names classes and entries")
                        .help("only `sensitive` and `mmio` stand there, to permit what is refused by default")
                        .help("`require` takes properties"),
                );
                continue;
            }
            let because = deny.iter().find(|(other, _)| covers(other, rule)).map(|(_, span)| *span);
            let class_denied = match rule {
                Rule::Class(id) | Rule::Entry { class: id, .. } => {
                    self.class_properties(*id) & denied
                }
                Rule::Properties(mask) => mask & denied,
            };
            if because.is_some() || class_denied != 0 {
                let because = because.or_else(|| {
                    let property = |rule: &Rule| matches!(rule, Rule::Properties(mask) if mask & class_denied != 0);
                    deny.iter().find(|(rule, _)| property(rule)).map(|(_, span)| *span)
                });
                let mut diagnostic =
                    Diagnostic::new(Code::W0801, *span, "this is allowed, and always denied");
                if let Some(because) = because {
                    diagnostic = diagnostic.also(because, "denied here");
                }
                self.push(diagnostic);
            }
        }
    }

    /// The properties that every entry of a class has.
    fn class_properties(&mut self, id: ClassId) -> u64 {
        let declaration = &self.classes[id.index()];
        let (schema, item) = (declaration.schema, declaration.item);
        let ast::ItemKind::Class { settings, .. } = &item.kind else { return 0 };
        setting(settings, "properties").map_or(0, |s| self.setting_properties(schema, s))
    }

    fn elements(&mut self, settings: &'a [ast::Setting], key: &str) -> &'a [ast::ListElement] {
        let Some(setting) = setting(settings, key) else { return &[] };
        match &setting.value {
            ast::SettingValue::List(elements) => elements,
            ast::SettingValue::Expr(_) => {
                let message = format!("`{key}` is a list");
                self.push(
                    Diagnostic::new(Code::E0803, setting.span, message)
                        .help(format!("write `{key}: [..]`")),
                );
                &[]
            }
        }
    }

    fn rules(
        &mut self,
        schema: SchemaIndex,
        settings: &'a [ast::Setting],
        key: &str,
    ) -> Vec<(Rule, Span)> {
        let mut rules = Vec::new();
        for element in self.elements(settings, key) {
            if let Some(rule) = self.rule(schema, element) {
                rules.push((rule, element.span));
            }
        }
        rules
    }

    fn rule(&mut self, schema: SchemaIndex, element: &'a ast::ListElement) -> Option<Rule> {
        match &element.kind {
            ast::ListElementKind::Class(path) => Some(Rule::Class(self.class_path(schema, path)?)),
            ast::ListElementKind::Entry { class, name, instance } => {
                let class = self.class_path(schema, class)?;
                let instance = match instance {
                    Some(expr) => {
                        Some(self.integer(schema, expr, 0, u64::MAX.into(), "an instance")? as u64)
                    }
                    None => None,
                };
                let name = name.as_ref().map(|text| text.value.clone());
                if name.is_none() && instance.is_none() {
                    self.push(
                        Diagnostic::new(Code::E0805, element.span, "which entry of the class?")
                            .help("write `entry c(\"name\")`, `entry c[1]`, or `class c` for all"),
                    );
                    return None;
                }
                Some(Rule::Entry { class, name, instance })
            }
            ast::ListElementKind::Word(path) => {
                let name = self.sources.snippet(path.span).to_owned();
                if !self.is_property(schema, &name)
                    && let Ok(Found::Class(_)) = self.find(schema, NameSpace::Class, path)
                {
                    let message = format!("`{name}` is a class; a word alone is a property");
                    self.push(Diagnostic::new(Code::E0805, path.span, message).suggest(
                        format!("write `class {name}`"),
                        path.span,
                        format!("class {name}"),
                    ));
                    return None;
                }
                Some(Rule::Properties(self.property_mask(schema, path)?))
            }
            ast::ListElementKind::Limit { word, .. } => {
                let message = format!("`{}` is no class, entry or property", word.text);
                self.push(
                    Diagnostic::new(Code::E0805, element.span, message).help("write `class name`"),
                );
                None
            }
        }
    }

    fn class_path(&mut self, schema: SchemaIndex, path: &'a ast::Path) -> Option<ClassId> {
        match self.find(schema, NameSpace::Class, path) {
            Ok(Found::Class(id)) => {
                self.note_use(schema, Found::Class(id));
                Some(id)
            }
            Ok(_) => None,
            // What a consumer may see of a later version it could not see in this one.
            Err(_) if self.is_later_class(schema, path) => None,
            Err(mut diagnostic) => {
                diagnostic.code = Code::E0805;
                self.push(*diagnostic);
                None
            }
        }
    }

    fn is_later_class(&self, schema: SchemaIndex, path: &ast::Path) -> bool {
        let later = |name: &ast::Name| self.schemas[schema].scope.has_later_class(&name.text);
        path.members.is_empty() && path.dotted.len() == 1 && path.dotted.iter().all(later)
    }

    fn limit(&mut self, schema: SchemaIndex, settings: &'a [ast::Setting]) -> Limit {
        let mut limit = Limit::default();
        for element in self.elements(settings, "limit") {
            let ast::ListElementKind::Limit { word, value } = &element.kind else {
                self.push(
                    Diagnostic::new(Code::E0803, element.span, "a limit is a word and a number")
                        .help("write `regions 64`, `name 12` or `bytes 4MiB`"),
                );
                continue;
            };
            let number = self.integer(schema, value, 0, u64::MAX.into(), "a limit");
            let slot = match word.text.as_str() {
                "regions" => &mut limit.regions,
                "name" => &mut limit.name,
                "bytes" => &mut limit.bytes,
                _ => {
                    let known = ["regions", "name", "bytes"];
                    let message = format!("no limit is called `{}`", word.text);
                    let mut diagnostic = Diagnostic::new(Code::E0803, word.span, message);
                    if let Some(near) = nearest(&word.text, known) {
                        diagnostic = diagnostic.suggest(format!("write `{near}`"), word.span, near);
                    }
                    self.push(diagnostic);
                    continue;
                }
            };
            if slot.is_some() {
                let message = format!("`{}` is limited twice", word.text);
                self.error(Code::E0803, word.span, message);
            } else {
                *slot = number.map(|number| number as u64);
            }
        }
        limit
    }
}

/// Whether everything that `rule` lets pass meets `deny`.
fn covers(deny: &Rule, rule: &Rule) -> bool {
    match (deny, rule) {
        (Rule::Class(denied), Rule::Class(class) | Rule::Entry { class, .. }) => denied == class,
        (Rule::Entry { .. }, Rule::Entry { .. }) => deny == rule,
        _ => false,
    }
}
