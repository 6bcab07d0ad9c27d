//! Libraries for services, in languages that bring their packages themselves.

use std::process::Command;

use super::{Provider, Source, Variables, version};
use crate::tools::{self, Tools};

pub(super) const GO: Source = Source {
    providers: &[Provider {
        module: "tokens::go",
        version: || version("tokens/go.mod", "golang-jwt/jwt/v5 v"),
    }],
    tools: || {
        let is_there = tools::runs(Command::new("go").arg("version"));
        Ok(if is_there { Tools::Ready } else { Tools::Missing("needs go, 1.25 or newer".to_owned()) })
    },
    install: || Ok(Variables::new()),
    start: None,
};

pub(super) const RUST: Source = Source {
    providers: &[Provider {
        module: "tokens::rust",
        version: || version("../../Cargo.toml", "\njsonwebtoken = { version = \""),
    }],
    tools: || Ok(Tools::Ready),
    install: || Ok(Variables::new()),
    start: None,
};
