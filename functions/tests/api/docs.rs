//! The docs are right where a machine can tell: their links, the tests that they name, and the tables of settings.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use testkit::template::{Template, workspace_root};

/// Files below the workspace's root whose names end in `ending`, without what is built or fetched.
fn files(ending: &str) -> Vec<PathBuf> {
    let mut folders = vec![workspace_root().canonicalize().unwrap()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for file in fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
            let name = file.file_name().unwrap().to_str().unwrap();
            if file.is_dir() && !["target", "node_modules", "dist"].contains(&name) && !name.starts_with('.') {
                folders.push(file);
            } else if name.ends_with(ending) {
                files.push(file);
            }
        }
    }
    files
}

/// Every page of the docs, with its text outside code blocks.
fn pages() -> BTreeMap<PathBuf, String> {
    files(".md").into_iter().map(|path| (path.clone(), without_blocks(&fs::read_to_string(path).unwrap()))).collect()
}

fn without_blocks(page: &str) -> String {
    page.split("\n```").step_by(2).collect::<Vec<_>>().join("\n")
}

/// The anchors of a page, as GitHub makes them of its headings.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    headings
        .map(|heading| {
            let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.collect::<String>().to_lowercase().replace(' ', "-")
        })
        .collect()
}

/// The targets of a page's links, without those to other hosts.
fn links(page: &str) -> impl Iterator<Item = &str> {
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://"))
}

#[test]
fn every_link_of_the_docs_leads_somewhere() {
    let pages = pages();
    let mut broken = Vec::new();
    for (path, page) in &pages {
        for link in links(page) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let Ok(target) = target.canonicalize() else {
                broken.push(format!("{}: {link}", path.display()));
                continue;
            };
            let has_anchor = || pages.get(&target).is_some_and(|page| anchors(page).contains(anchor));
            if !anchor.is_empty() && !has_anchor() {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
    assert!(pages.contains_key(&workspace_root().join("README.md").canonicalize().unwrap()));
}

/// The spans of code in a page.
fn spans(page: &str) -> impl Iterator<Item = &str> {
    page.split('`').skip(1).step_by(2)
}

/// A sentence: the names of tests are told from other names by their length.
fn is_name_of_a_test(span: &str) -> bool {
    span.matches('_').count() >= 4 && span.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[test]
fn every_test_that_the_docs_name_exists() {
    let sources: String = files(".rs").into_iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let pages = pages();
    let named: BTreeSet<&str> = pages.values().flat_map(|page| spans(page)).filter(|s| is_name_of_a_test(s)).collect();
    assert!(named.len() > 50, "the names of tests are recognised: {named:?}");
    let missing: Vec<&&str> = named.iter().filter(|name| !sources.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "tests that the docs name and nobody has: {missing:#?}");
}

/// The function of a span such as `Ledger::hold`.
fn named_function(span: &str) -> Option<&str> {
    let (owner, function) = span.split_once("::")?;
    let is_type = owner.starts_with(|c: char| c.is_ascii_uppercase()) && owner.chars().all(char::is_alphanumeric);
    let is_function = function.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    (is_type && is_function).then_some(function)
}

#[test]
fn every_function_that_the_docs_name_exists() {
    let sources: String = files(".rs").into_iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let pages = pages();
    let named: BTreeSet<&str> = pages.values().flat_map(|page| spans(page)).filter_map(named_function).collect();
    let is_missing = |name: &&&str| !["(", "<"].iter().any(|next| sources.contains(&format!("fn {name}{next}")));
    let missing: Vec<&&str> = named.iter().filter(is_missing).collect();
    assert!(!named.is_empty() && missing.is_empty(), "functions that the docs name and nobody has: {missing:#?}");
}

#[test]
fn every_file_that_the_docs_name_exists() {
    let root = workspace_root();
    let is_path = |span: &&str| {
        let folders = [".ci/", ".github/", "docs/", "events/", "functions/", "local/", "shared/", "testkit/"];
        folders.iter().any(|folder| span.starts_with(folder)) && !span.contains([' ', '<', '*', '…', '{', ':'])
    };
    let pages = pages();
    let named: BTreeSet<&str> = pages.values().flat_map(|page| spans(page)).filter(is_path).collect();
    let missing: Vec<&&str> = named.iter().filter(|path| !root.join(Path::new(path)).exists()).collect();
    assert!(!named.is_empty() && missing.is_empty(), "files that the docs name and nobody has: {missing:#?}");
}

/// The cells of a row of a table, without their backticks; a cell can hold several, with commas between them.
fn cells(row: &str) -> Vec<Vec<String>> {
    let cells = row.trim_matches('|').split(" |").map(|cell| cell.replace('`', ""));
    cells.map(|cell| cell.split(',').map(|part| part.trim().to_owned()).collect()).collect()
}

/// The default is the cell after the one that names the parameter.
fn documented_defaults(page: &str) -> BTreeMap<String, String> {
    let rows = page.lines().filter(|line| line.starts_with("| `")).map(cells);
    rows.flat_map(|cells| {
        let is_of_functions = cells[0][0].chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        let [names, defaults] = [&cells[usize::from(is_of_functions)], &cells[usize::from(is_of_functions) + 1]];
        let default = |index: usize| defaults.get(index).cloned().unwrap_or_default();
        names.iter().enumerate().map(|(index, name)| (name.clone(), default(index))).collect::<Vec<_>>()
    })
    .filter(|(name, _)| !name.is_empty())
    .collect()
}

#[test]
fn settings_md_names_every_parameter_of_the_template_with_its_default() {
    let page = fs::read_to_string(workspace_root().join("docs/settings.md")).unwrap();
    let expected: BTreeMap<String, String> =
        Template::of_workspace().unwrap().parameter_defaults().into_iter().collect();
    assert_eq!(documented_defaults(&page), expected);
}
