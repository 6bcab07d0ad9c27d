//! The arrows between the crates: who may depend on whom, and what the domain must never meet.
//!
//! Read from `cargo metadata`. Only what is built into the product counts: normal and build dependencies.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Every crate, with the crates of the workspace that it may depend on.
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

/// These may depend on anything, and nothing on them.
const UNBOUND: &[&str] = &["labgate-tests", "xtask"];

/// What the domain must not have anywhere in its tree.
const OUTSIDE_THE_DOMAIN: &[&str] =
    &["figment", "hyper", "jsonwebtoken", "openidconnect", "reqwest", "sqlx", "tokio", "warp"];

#[test]
fn every_arrow_between_crates_is_in_the_table() {
    assert_eq!(wrong_arrows(&metadata()), Vec::<String>::new());
}

#[test]
fn the_domain_knows_no_framework() {
    let met: Vec<_> = domain_tree(&metadata())
        .into_iter()
        .filter(|name| OUTSIDE_THE_DOMAIN.contains(&name.as_str()))
        .collect();
    assert_eq!(met, Vec::<String>::new(), "see who brings it: cargo tree -p labgate-domain -e normal");
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
fn a_framework_deep_in_the_domain_is_found_and_one_of_its_tests_is_not() {
    let tree = synthetic(&[
        package("labgate-domain", &[("harmless", None), ("wiremock", Some("dev")), ("mocks", None)]),
        package("harmless", &[("tokio", None)]),
        package("tokio", &[]),
        package("wiremock", &[("hyper", None)]),
        package("hyper", &[]),
        package("mocks", &[("warp", None)]),
        package("warp", &[]),
    ]);
    // `mocks` is optional, as the domain's own manifest says; features are off here.
    let tree = with_optional(tree, "labgate-domain", "mocks");
    assert_eq!(domain_tree(&tree), BTreeSet::from(["harmless".to_owned(), "tokio".to_owned()]));
}

/// What `cargo metadata` says of this workspace, for this machine's platform.
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

/// What is wrong with the arrows, a sentence each.
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

/// The names of everything that is built for the domain with its features off.
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
    for described in metadata["packages"].as_array_mut().expect("packages") {
        if described["name"] == package {
            for declared in described["dependencies"].as_array_mut().expect("dependencies") {
                if declared["name"] == dependency {
                    declared["optional"] = true.into();
                }
            }
        }
    }
    metadata
}
