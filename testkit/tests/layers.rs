//! The shape of the workspace, where the compiler does not keep it: the order of the crates in `shared/`, modules
//! without cycles, and one name for one type.

#![expect(clippy::unwrap_used, reason = "a source that cannot be read fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use local::template::workspace_root;
use syn::visit::Visit;
use syn::{Item, ItemEnum, ItemMod, ItemStruct, ItemTrait, ItemUse, UseTree, Visibility};

/// The crates in `shared/`, lowest first; the last is the handlers' door. A crate may depend on those before it.
const CRATES: [&str; 9] =
    ["domain", "telemetry", "cloud", "store", "acts", "ledger", "providers", "identity", "shared"];

/// Words of higher layers, which the ledger must not contain.
const NOT_FOR_THE_LEDGER: [&str; 4] = ["ApiError", "StatusCode", "jsonwebtoken", "lambda"];

/// The ways of a handler around the doors of the ledger and of the table.
const NOT_FOR_A_HANDLER: [&str; 6] =
    ["Payer::new", "Epoch::", "Authority::of_staff", "Authority::of_recent_login", ".client()", "aws_sdk_dynamodb"];

/// The handlers that no path of the API leads to. IAM decides who invokes `operator`, and the other one runs on a laptop alone.
const OF_OPERATORS: [&str; 2] = ["create_superuser.rs", "operator.rs"];

#[test]
fn no_crate_depends_on_one_above_it() {
    for (position, name) in CRATES.iter().enumerate() {
        let text = fs::read_to_string(folder_of(name).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = text.parse().unwrap();
        let dependencies = manifest["dependencies"].as_table().unwrap();
        let higher = CRATES[position..].iter().find(|higher| dependencies.contains_key(**higher));
        assert_eq!(higher, None, "{name} depends on a crate above it");
    }
}

#[test]
fn the_ledger_knows_no_http_no_token_and_no_lambda() {
    for file in sources_in(&folder_of("ledger")) {
        let text = fs::read_to_string(&file).unwrap();
        let word = NOT_FOR_THE_LEDGER.iter().find(|word| text.contains(**word));
        assert_eq!(word, None, "{}", file.display());
    }
}

/// A payer is a proof that somebody was let in: handlers get it from a caller. The table is for the crates below.
#[test]
fn no_handler_makes_a_payer_or_asks_the_table() {
    for file in sources_in(&workspace_root().join("functions/endpoints")) {
        let text = fs::read_to_string(&file).unwrap();
        let word = NOT_FOR_A_HANDLER.iter().find(|word| text.contains(**word));
        assert_eq!(word, None, "{}", file.display());
    }
}

/// At a path of the API, only the proof of a login gives authority.
#[test]
fn nobody_but_an_operator_acts_as_one() {
    for file in sources_in(&workspace_root().join("functions/endpoints")) {
        let acts = fs::read_to_string(&file).unwrap().contains("Authority::operator");
        assert_eq!(acts, OF_OPERATORS.iter().any(|name| file.ends_with(name)), "{}", file.display());
    }
}

#[test]
fn no_modules_of_a_crate_use_each_other_in_a_cycle() {
    let others =
        ["functions/endpoints", "local", "testkit", "testkit/openapi"].map(|folder| workspace_root().join(folder));
    let crates = CRATES.map(folder_of).into_iter().chain(others);
    for folder in crates {
        let modules = Modules::of(&folder);
        let cycle = modules.names().find_map(|module| modules.way_back_to(module));
        assert_eq!(cycle, None, "in {}", folder.display());
    }
}

#[test]
fn no_two_types_that_ship_have_the_same_name() {
    let mut places: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let others = ["functions/endpoints", "local"].map(|folder| workspace_root().join(folder));
    let folders = CRATES.map(folder_of).into_iter().chain(others);
    for file in folders.flat_map(|folder| sources_in(&folder)) {
        let mut types = Types::default();
        types.visit_file(&parse(&file));
        for name in types.names {
            places.entry(name).or_default().push(file.clone());
        }
    }
    let shared: Vec<_> = places.into_iter().filter(|(_, files)| files.len() > 1).collect();
    assert!(shared.is_empty(), "{shared:#?}");
}

fn folder_of(name: &str) -> PathBuf {
    let shared = workspace_root().join("shared");
    if name == "shared" { shared } else { shared.join(name) }
}

/// The files in a crate's `src`, without its tests.
fn sources_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_str().unwrap();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !["tests", "testing"].contains(&stem)
            {
                found.push(path);
            }
        }
    }
    found
}

fn parse(file: &Path) -> syn::File {
    let parsed = syn::parse_file(&fs::read_to_string(file).unwrap());
    parsed.unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn is_for_tests(module: &ItemMod) -> bool {
    module.ident == "tests"
}

/// The types that a file defines outside its tests.
#[derive(Default)]
struct Types {
    names: Vec<String>,
}

impl<'file> Visit<'file> for Types {
    fn visit_item_struct(&mut self, item: &'file ItemStruct) {
        self.names.push(item.ident.to_string());
    }

    fn visit_item_enum(&mut self, item: &'file ItemEnum) {
        self.names.push(item.ident.to_string());
    }

    fn visit_item_trait(&mut self, item: &'file ItemTrait) {
        self.names.push(item.ident.to_string());
    }

    fn visit_item_mod(&mut self, module: &'file ItemMod) {
        if !is_for_tests(module) {
            syn::visit::visit_item_mod(self, module);
        }
    }
}

/// The path of a module in its crate: the root's is empty.
type ModulePath = Vec<String>;

/// The modules of a crate, one for each file, with the modules that each of them uses. A path that begins with the name
/// of a child is not counted, so a parent may re-export its children's items.
struct Modules(BTreeMap<ModulePath, BTreeSet<ModulePath>>);

impl Modules {
    fn of(folder: &Path) -> Self {
        let files: BTreeMap<ModulePath, PathBuf> =
            sources_in(folder).into_iter().map(|file| (module_path(&folder.join("src"), &file), file)).collect();
        let uses = files.iter().map(|(module, file)| {
            let mut imports = Imports { module, paths: Vec::new() };
            imports.visit_file(&parse(file));
            let used =
                imports.paths.iter().filter_map(|path| longest_module(path, &files)).filter(|used| used != module);
            (module.clone(), used.collect())
        });
        Self(uses.collect())
    }

    fn names(&self) -> impl Iterator<Item = &ModulePath> {
        self.0.keys()
    }

    /// The modules on a way from `start` to itself, if there is one.
    fn way_back_to(&self, start: &ModulePath) -> Option<Vec<ModulePath>> {
        let mut ways: Vec<Vec<ModulePath>> = vec![vec![start.clone()]];
        let mut seen = BTreeSet::new();
        while let Some(way) = ways.pop() {
            for used in &self.0[way.last()?] {
                if used == start {
                    return Some(way);
                }
                if seen.insert(used.clone()) {
                    ways.push([way.clone(), vec![used.clone()]].concat());
                }
            }
        }
        None
    }
}

fn module_path(sources: &Path, file: &Path) -> ModulePath {
    let path = file.strip_prefix(sources).unwrap().with_extension("");
    let names = path.iter().map(|name| name.to_str().unwrap().to_owned());
    names.filter(|name| !["lib", "main", "mod"].contains(&name.as_str())).collect()
}

fn longest_module(path: &[String], files: &BTreeMap<ModulePath, PathBuf>) -> Option<ModulePath> {
    (0..=path.len()).rev().map(|length| path[..length].to_vec()).find(|path| files.contains_key(path))
}

/// The paths in its own crate that a module imports outside its tests.
struct Imports<'module> {
    module: &'module ModulePath,
    paths: Vec<Vec<String>>,
}

impl Imports<'_> {
    fn add(&mut self, tree: &UseTree, path: &[String]) {
        match tree {
            UseTree::Path(part) => self.add(&part.tree, &[path, &[part.ident.to_string()]].concat()),
            UseTree::Group(group) => group.items.iter().for_each(|item| self.add(item, path)),
            UseTree::Name(name) => self.paths.push([path, &[name.ident.to_string()]].concat()),
            UseTree::Rename(rename) => self.paths.push([path, &[rename.ident.to_string()]].concat()),
            UseTree::Glob(_) => self.paths.push(path.to_vec()),
        }
    }

    /// The absolute form of a path that begins with `crate`, `self` or `super`.
    fn absolute(&self, path: &[String]) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        let parent = self.module.split_last().map_or(&[][..], |(_, parent)| parent);
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some([self.module.as_slice(), rest].concat()),
            "super" => Some([parent, rest].concat()),
            _ => None,
        }
    }
}

impl<'file> Visit<'file> for Imports<'_> {
    fn visit_item_use(&mut self, item: &'file ItemUse) {
        let first = self.paths.len();
        self.add(&item.tree, &[]);
        let relative = self.paths.split_off(first);
        let absolute: Vec<_> = relative.iter().filter_map(|path| self.absolute(path)).collect();
        self.paths.extend(absolute);
    }

    /// `pub(super)` has a path that imports nothing.
    fn visit_visibility(&mut self, _visibility: &'file Visibility) {}

    fn visit_path(&mut self, path: &'file syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.paths.extend(self.absolute(&names));
        syn::visit::visit_path(self, path);
    }

    fn visit_item(&mut self, item: &'file Item) {
        match item {
            Item::Mod(module) if is_for_tests(module) => {}
            item => syn::visit::visit_item(self, item),
        }
    }
}
