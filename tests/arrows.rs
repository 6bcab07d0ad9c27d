//! The dependencies between the crates, the allow-list of the domain's tree, and the oldest supported
//! compiler.
//!
//! Read from `cargo metadata`. Only what is built into the product counts: normal and build dependencies.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Each crate, with the crates of the workspace that it may depend on.
const ARROWS: &[(&str, &[&str])] = &[
    ("labgate-domain", &[]),
    ("labgate-provider", &["labgate-domain"]),
    ("labgate-token", &["labgate-domain"]),
    ("labgate-store", &["labgate-domain"]),
    ("labgate-http", &["labgate-domain"]),
    ("labgate-password", &["labgate-domain"]),
    // The mock provider signs with the key ring: the one arrow between outer crates.
    ("labgate-mock-idp", &["labgate-domain", "labgate-token"]),
    (
        "labgate",
        &[
            "labgate-domain",
            "labgate-http",
            "labgate-password",
            "labgate-provider",
            "labgate-store",
            "labgate-token",
        ],
    ),
    (
        "labgate-test-harness",
        &["labgate-domain", "labgate-http", "labgate-mock-idp", "labgate-provider", "labgate-token"],
    ),
];

/// Crates that may depend on any other; no crate depends on them.
const UNBOUND: &[&str] = &["labgate-tests", "xtask"];

/// The crates that may be in the domain's dependency tree: no I/O, no framework, no adapter.
///
/// A crate that is missing here fails the test below. It needs a look: what it does, who maintains it, and
/// why the rules of sign-in need it.
#[rustfmt::skip]
const ALLOWED_IN_DOMAIN: &[&str] = &[
    "async-trait", "base64", "block-buffer", "cfg-if", "const-oid", "cpufeatures",
    "crypto-common", "digest", "displaydoc", "equivalent", "form_urlencoded", "generic-array",
    "hashbrown", "hmac", "icu_collections", "icu_locale_core", "icu_normalizer", "icu_normalizer_data", "icu_properties",
    "icu_properties_data", "icu_provider", "idna", "idna_adapter", "itoa", "libc",
    "litemap", "lock_api", "memchr", "parking_lot", "parking_lot_core", "percent-encoding",
    "potential_utf", "proc-macro2", "quick_cache", "quote", "scopeguard", "secrecy",
    "serde", "serde_core", "serde_derive", "serde_json", "sha2", "smallvec",
    "stable_deref_trait", "subtle", "syn", "synstructure", "thiserror", "thiserror-impl",
    "tinystr", "tinyvec", "typenum", "unicode-ident", "unicode-normalization", "url",
    "utf8_iter", "utf_types", "uuid", "version_check", "writeable", "yoke",
    "yoke-derive", "zerofrom", "zerofrom-derive", "zeroize", "zeroize_derive", "zerotrie",
    "zerovec", "zerovec-derive", "zmij",
];

#[test]
fn every_arrow_between_crates_is_in_the_table() {
    assert_eq!(wrong_arrows(&metadata()), Vec::<String>::new());
}

#[test]
fn every_crate_in_the_domains_tree_is_on_the_allow_list() {
    let unknown = not_allowed_in_domain(&metadata());
    assert_eq!(
        unknown,
        Vec::<String>::new(),
        "not on the allow-list of this file; `cargo tree -p labgate-domain -e normal -i CRATE` names its user"
    );
}

#[test]
fn no_dependency_needs_a_newer_compiler_than_the_workspace_states() {
    assert_eq!(too_new(&metadata()), Vec::<String>::new(), "raise rust-version, or keep the older release");
}

#[test]
fn a_wrong_arrow_is_found() {
    let http_on_token =
        synthetic(&[package("labgate-http", &[("labgate-token", None), ("labgate-domain", None)])]);
    assert_eq!(wrong_arrows(&http_on_token), ["labgate-http must not depend on labgate-token"]);

    let as_build_dependency = synthetic(&[package("labgate-domain", &[("labgate-store", Some("build"))])]);
    assert_eq!(wrong_arrows(&as_build_dependency), ["labgate-domain must not depend on labgate-store"]);

    let newcomer = synthetic(&[package("labgate-newcomer", &[])]);
    assert_eq!(wrong_arrows(&newcomer), ["labgate-newcomer is not in the table of arrows"]);
}

#[test]
fn arrows_of_tests_are_free() {
    let free = synthetic(&[
        package("labgate-http", &[("labgate-token", Some("dev"))]),
        package("labgate-tests", &[("labgate", None), ("labgate-http", None)]),
    ]);
    assert_eq!(wrong_arrows(&free), Vec::<String>::new());
}

#[test]
fn a_new_crate_in_the_domains_tree_is_found_and_one_of_its_tests_is_not() {
    let tree = synthetic(&[
        package("labgate-domain", &[("serde", None), ("wiremock", Some("dev")), ("mocks", None)]),
        package("serde", &[("tokio", None)]),
        package("tokio", &[]),
        package("wiremock", &[("hyper", None)]),
        package("hyper", &[]),
        package("mocks", &[("warp", None)]),
        package("warp", &[]),
    ]);
    // `mocks` is optional, as the domain's own manifest says; features are off here.
    let tree = with_optional(tree, "labgate-domain", "mocks");
    assert_eq!(domain_tree(&tree), BTreeSet::from(["serde".to_owned(), "tokio".to_owned()]));
    assert_eq!(not_allowed_in_domain(&tree), ["tokio"]);
}

#[test]
fn a_dependency_with_a_newer_compiler_is_found() {
    let mut tree = synthetic(&[
        package("labgate-domain", &[]),
        package("older", &[]),
        package("newer", &[]),
        package("silent", &[]),
    ]);
    for (package, version) in array_mut(&mut tree["packages"]).iter_mut().zip([
        "1.94".into(),
        "1.94.0".into(),
        "1.100".into(),
        Value::Null,
    ]) {
        package["rust_version"] = version;
    }
    assert_eq!(too_new(&tree), ["newer needs Rust 1.100, the workspace states 1.94"]);
}

/// Returns the metadata of this workspace, for this machine's platform.
fn metadata() -> Value {
    let rustc = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let rustc = String::from_utf8(rustc.stdout).expect("rustc prints UTF-8");
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--filter-platform", host])
        .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")])
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo prints JSON")
}

/// Returns the errors in the arrows, a sentence each.
fn wrong_arrows(metadata: &Value) -> Vec<String> {
    let members: BTreeSet<_> = array(&metadata["workspace_members"]).iter().map(text).collect();
    let table: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let mut wrong = Vec::new();
    for package in array(&metadata["packages"]) {
        let name = text(&package["name"]);
        if !members.contains(text(&package["id"])) || UNBOUND.contains(&name) {
            continue;
        }
        let Some(allowed) = table.get(name) else {
            wrong.push(format!("{name} is not in the table of arrows"));
            continue;
        };
        let targets: BTreeSet<_> = array(&package["dependencies"])
            .iter()
            .filter(|dependency| dependency["kind"] != "dev")
            .map(|dependency| text(&dependency["name"]))
            .filter(|target| table.contains_key(target) || UNBOUND.contains(target))
            .collect();
        for target in targets {
            if !allowed.contains(&target) {
                wrong.push(format!("{name} must not depend on {target}"));
            }
        }
    }
    wrong
}

/// Returns the crates in the domain's tree that are not on the allow-list.
fn not_allowed_in_domain(metadata: &Value) -> Vec<String> {
    domain_tree(metadata).into_iter().filter(|name| !ALLOWED_IN_DOMAIN.contains(&name.as_str())).collect()
}

/// Returns the packages that need a newer compiler than the workspace states (the domain's `rust-version`).
fn too_new(metadata: &Value) -> Vec<String> {
    let packages = array(&metadata["packages"]);
    let ours =
        packages.iter().find(|package| package["name"] == "labgate-domain").expect("the domain is a member");
    let ours = text(&ours["rust_version"]);
    packages
        .iter()
        .filter_map(|package| {
            let needed = package["rust_version"].as_str()?;
            let name = text(&package["name"]);
            (numbers(needed) > numbers(ours))
                .then(|| format!("{name} needs Rust {needed}, the workspace states {ours}"))
        })
        .collect()
}

/// Returns the numbers of a version, always three.
fn numbers(version: &str) -> [u32; 3] {
    let mut parts = version.split('.').map(|part| part.parse().expect("a version is made of numbers"));
    [(); 3].map(|()| parts.next().unwrap_or(0))
}

/// Returns the names of all crates that are built for the domain with its features off.
fn domain_tree(metadata: &Value) -> BTreeSet<String> {
    let packages: BTreeMap<_, _> =
        array(&metadata["packages"]).iter().map(|package| (text(&package["id"]), package)).collect();
    let nodes: BTreeMap<_, _> =
        array(&metadata["resolve"]["nodes"]).iter().map(|node| (text(&node["id"]), node)).collect();
    let domain = *packages
        .iter()
        .find(|(_, package)| package["name"] == "labgate-domain")
        .expect("the domain is a member")
        .0;

    let mut seen = BTreeSet::new();
    let mut next = vec![domain];
    while let Some(id) = next.pop() {
        for edge in array(&nodes[id]["deps"]) {
            let target = text(&edge["pkg"]);
            let is_built = array(&edge["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev");
            // Other members switch features of the domain on; here they are off.
            let is_off = id == domain && is_optional(packages[id], text(&packages[target]["name"]));
            if is_built && !is_off && seen.insert(target) {
                next.push(target);
            }
        }
    }
    seen.into_iter().map(|id| text(&packages[id]["name"]).to_owned()).collect()
}

fn is_optional(package: &Value, dependency: &str) -> bool {
    array(&package["dependencies"])
        .iter()
        .filter(|declared| declared["name"] == dependency && declared["kind"] != "dev")
        .all(|declared| declared["optional"] == true)
}

fn array(value: &Value) -> &[Value] {
    value.as_array().expect("an array in cargo's metadata")
}

fn array_mut(value: &mut Value) -> &mut Vec<Value> {
    value.as_array_mut().expect("an array in cargo's metadata")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string in cargo's metadata")
}

type Dependency<'a> = (&'a str, Option<&'a str>);

fn package<'a>(name: &'a str, dependencies: &'a [Dependency<'a>]) -> (&'a str, &'a [Dependency<'a>]) {
    (name, dependencies)
}

/// Metadata in cargo's shape: every package is a member, and its id is its name.
fn synthetic(packages: &[(&str, &[Dependency<'_>])]) -> Value {
    use serde_json::json;

    let described: Vec<_> = packages
        .iter()
        .map(|(name, dependencies)| {
            let declared: Vec<_> = dependencies
                .iter()
                .map(|(name, kind)| json!({ "name": name, "kind": kind, "optional": false }))
                .collect();
            json!({ "id": name, "name": name, "dependencies": declared })
        })
        .collect();
    let nodes: Vec<_> = packages
        .iter()
        .map(|(name, dependencies)| {
            let edges: Vec<_> = dependencies
                .iter()
                .map(|(name, kind)| json!({ "pkg": name, "dep_kinds": [{ "kind": kind }] }))
                .collect();
            json!({ "id": name, "deps": edges })
        })
        .collect();
    let members: Vec<_> = packages.iter().map(|(name, _)| name).collect();
    json!({ "packages": described, "workspace_members": members, "resolve": { "nodes": nodes } })
}

fn with_optional(mut metadata: Value, package: &str, dependency: &str) -> Value {
    for described in array_mut(&mut metadata["packages"]) {
        if described["name"] == package {
            for declared in array_mut(&mut described["dependencies"]) {
                if declared["name"] == dependency {
                    declared["optional"] = true.into();
                }
            }
        }
    }
    metadata
}
