use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context as _, bail};
use clap::ValueEnum;

/// A format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Csv,
    Htpasswd,
}

/// The largest file, in bytes: some hundred thousand people.
const MAX_LEN: u64 = 32 * 1024 * 1024;

/// Returns the format that is given, or that the name of the file tells.
pub(super) fn format_of(given: Option<Format>, file: &Path) -> anyhow::Result<Format> {
    if let Some(format) = given {
        return Ok(format);
    }
    let name = file.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    match name.rsplit_once('.').map_or(&*name, |(_, ending)| ending) {
        "csv" if name != "csv" => Ok(Format::Csv),
        "htpasswd" => Ok(Format::Htpasswd),
        _ if is_standard_input(file) => {
            bail!("standard input needs --format csv or --format htpasswd")
        }
        _ => bail!(
            "the name of {} does not tell the format: add --format csv or --format htpasswd",
            file.display()
        ),
    }
}

/// Returns the text of the file.
pub(super) fn read(path: &Path) -> anyhow::Result<String> {
    if is_standard_input(path) {
        return read_all(io::stdin().lock()).context("the standard input");
    }
    let file = File::open(path).map_err(cannot_read);
    file.and_then(read_all).with_context(|| path.display().to_string())
}

fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn read_all(source: impl Read) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let read = source.take(MAX_LEN + 1).read_to_end(&mut bytes).map_err(cannot_read)?;
    if u64::try_from(read).is_ok_and(|read| read > MAX_LEN) {
        bail!("it is larger than {} MiB: import it in parts", MAX_LEN / 1024 / 1024);
    }
    let Ok(text) = String::from_utf8(bytes) else { bail!("it is not text in UTF-8") };
    // Spreadsheets write a byte order mark.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

fn cannot_read(error: io::Error) -> anyhow::Error {
    anyhow::Error::new(error).context("it cannot be read")
}
