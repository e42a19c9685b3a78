//! Which module imports what, compared with `architecture.edges`, the table of
//! `docs/architecture.md` as data.
//!
//! Every path in every source file is visited: `use` items, types, expressions, macros. An edge
//! leads from a module to another module of its crate, to another crate, or to a part of `std` that
//! reaches outside the process. An edge that is not in the table fails, and so does a line of the
//! table that nothing uses: a new edge is a visible diff of one line.
//!
//! `UPDATE_EDGES=1 cargo test --test architecture` writes the table anew, for its diff to be
//! reviewed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// The crates by the directory that holds each, with the name under which others import it.
const CRATES: [(&str, &str); 4] = [
    ("format", "inspect_format"),
    ("codegen", "inspect_gen"),
    ("runtime", "inspect_runtime"),
    ("reader", "inspect_reader"),
];

/// Modules whose children count one by one: they know nothing of each other.
const DIVIDED: [&str; 3] = ["emit", "image", "output"];

/// Parts of `std` that reach outside the process, or read a clock.
const OUTSIDE: [&str; 7] = ["env", "fs", "io", "net", "os", "process", "time"];

/// Macros that print.
const PRINTING: [&str; 4] = ["print", "println", "eprint", "eprintln"];

#[test]
fn modules_import_what_the_table_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let table_path = root.join("codegen/tests/architecture.edges");
    let table = fs::read_to_string(&table_path).unwrap();
    let allowed: BTreeSet<&str> = table
        .lines()
        .map(|line| line.split('#').next().unwrap_or("").trim())
        .filter(|line| !line.is_empty())
        .collect();
    let found = edges(&root);
    if std::env::var_os("UPDATE_EDGES").is_some() {
        let comments = table.lines().take_while(|line| line.starts_with('#'));
        let lines: Vec<&str> = comments.chain(found.keys().map(String::as_str)).collect();
        fs::write(&table_path, lines.join("\n") + "\n").unwrap();
        return;
    }
    let mut faults = String::new();
    for (edge, place) in &found {
        if !allowed.contains(edge.as_str()) {
            faults.push_str(&format!("new edge, in {place}:\n    {edge}\n"));
        }
    }
    for edge in allowed {
        if !found.contains_key(edge) {
            faults.push_str(&format!("nothing uses this line of the table:\n    {edge}\n"));
        }
    }
    assert!(faults.is_empty(), "{faults}see {} and UPDATE_EDGES=1", table_path.display());
    assert!(found.len() > 40, "the visitor lost its eyes: {} edges", found.len());
}

/// Every edge, with a file that has it.
fn edges(root: &Path) -> BTreeMap<String, String> {
    let mut edges = BTreeMap::new();
    for (directory, name) in CRATES {
        let source = root.join(directory).join("src");
        let dependencies = dependencies(&root.join(directory).join("Cargo.toml"));
        let mut files = Vec::new();
        rust_files(&source, &mut files);
        let modules: BTreeSet<Vec<String>> =
            files.iter().map(|file| module_path(&source, file)).collect();
        for file in &files {
            let text = fs::read_to_string(file).unwrap();
            let syntax = syn::parse_file(&text)
                .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            let module = module_path(&source, file);
            let place = file.strip_prefix(root).unwrap().display().to_string();
            let mut visitor = Visitor {
                directory,
                crate_name: name,
                modules: &modules,
                dependencies: &dependencies,
                module,
                found: BTreeSet::new(),
            };
            visitor.visit_file(&syntax);
            for edge in visitor.found {
                edges.entry(edge).or_insert_with(|| place.clone());
            }
        }
    }
    edges
}

/// The names under which a crate imports what its manifest lists.
fn dependencies(manifest: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(manifest).unwrap();
    let mut names = BTreeSet::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]") && !line.contains("dev-");
        } else if inside {
            let name: String = line
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
                .collect();
            if !name.is_empty() {
                names.insert(name.replace('-', "_"));
            }
        }
    }
    names
}

fn rust_files(directory: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(directory).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// `src/emit/json/mod.rs` and `src/emit/json.rs` are `[emit, json]`; `lib.rs` and `main.rs` are the
/// root.
fn module_path(source: &Path, file: &Path) -> Vec<String> {
    let relative = file.strip_prefix(source).unwrap().with_extension("");
    let mut parts: Vec<String> =
        relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if matches!(parts.last().map(String::as_str), Some("mod")) || parts.len() == 1 {
        parts.retain(|part| !matches!(part.as_str(), "mod" | "lib" | "main"));
    }
    parts
}

struct Visitor<'a> {
    directory: &'static str,
    crate_name: &'static str,
    modules: &'a BTreeSet<Vec<String>>,
    dependencies: &'a BTreeSet<String>,
    module: Vec<String>,
    found: BTreeSet<String>,
}

impl Visitor<'_> {
    /// A module as the table names it; the crate's root has no name.
    fn name(&self, module: &[String]) -> Option<String> {
        let depth = match module.first() {
            None => return None,
            Some(first) if DIVIDED.contains(&first.as_str()) => module.len().min(2),
            Some(_) => 1,
        };
        Some(format!("{}::{}", self.directory, module[..depth].join("::")))
    }

    fn path(&mut self, segments: &[String]) {
        let Some(from) = self.name(&self.module) else { return };
        let Some(to) = self.target(segments) else { return };
        if from != to {
            self.found.insert(format!("{from} -> {to}"));
        }
    }

    fn target(&self, segments: &[String]) -> Option<String> {
        let first = segments.first()?.as_str();
        let mut module = match first {
            "crate" | "$crate" => Vec::new(),
            "self" => self.module.clone(),
            "super" => self.module[..self.module.len().saturating_sub(1)].to_vec(),
            "std" | "core" | "alloc" => {
                let part = segments.get(1)?;
                return OUTSIDE.contains(&part.as_str()).then(|| format!("std::{part}"));
            }
            _ if first == self.crate_name => Vec::new(),
            _ => {
                let known = CRATES.iter().find(|(_, name)| *name == first);
                return match known {
                    Some((directory, _)) => Some((*directory).to_owned()),
                    None if segments.len() > 1 && self.dependencies.contains(first) => {
                        Some(first.to_owned())
                    }
                    None => None,
                };
            }
        };
        for segment in &segments[1..] {
            if segment == "super" {
                module.pop();
                continue;
            }
            module.push(segment.clone());
            if !self.modules.contains(&module) {
                module.pop();
                break;
            }
        }
        self.name(&module)
    }

    fn use_tree(&mut self, prefix: &[String], tree: &syn::UseTree) {
        let join = |ident: &syn::Ident| [prefix, &[ident.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.use_tree(&join(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.path(&join(&name.ident)),
            syn::UseTree::Rename(rename) => self.path(&join(&rename.ident)),
            syn::UseTree::Glob(_) => self.path(prefix),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.use_tree(prefix, tree));
            }
        }
    }

    /// Paths in the arguments of a macro, which have no syntax of their own: words joined by `::`.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.flush(&mut path);
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() => {
                    colons += 1;
                }
                TokenTree::Group(group) => {
                    self.flush(&mut path);
                    colons = 0;
                    self.tokens(group.stream());
                }
                _ => {
                    self.flush(&mut path);
                    colons = 0;
                }
            }
        }
        self.flush(&mut path);
    }

    fn flush(&mut self, path: &mut Vec<String>) {
        if path.len() > 1 {
            self.path(path);
        }
        path.clear();
    }
}

impl<'ast> Visit<'ast> for Visitor<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Use(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        // Tests may reach further than what they test.
        let only_tests = attributes.iter().any(|attribute| {
            attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Ident>().is_ok_and(|word| word == "test")
        });
        if !only_tests {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.content.is_none() {
            return;
        }
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.use_tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        self.path(&segments);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        if let Some(word) = invocation.path.segments.last() {
            let prints = PRINTING.contains(&word.ident.to_string().as_str());
            if let (true, Some(from)) = (prints, self.name(&self.module)) {
                self.found.insert(format!("{from} -> std::io"));
            }
        }
        self.path(
            &invocation.path.segments.iter().map(|s| s.ident.to_string()).collect::<Vec<_>>(),
        );
        self.tokens(invocation.tokens.clone());
    }
}
