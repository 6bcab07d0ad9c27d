//! `cargo xtask docs`: writes the generated parts of the documents.

use anyhow::Result;

use crate::options::Options;
use crate::process;
use crate::workspace::{BUILD_LIMIT, cargo};

pub(crate) const ABOUT: &str = "writes the generated parts of the documents: docs/errors.md";

pub(crate) fn run(_: Options) -> Result<()> {
    let mut test = cargo(&["test", "--workspace", "--test", "all", "--", "docs::"]);
    process::run(test.env("LABGATE_WRITE_DOCS", "1"), BUILD_LIMIT)
}
