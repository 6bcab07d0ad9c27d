//! The few options that the commands take.

use std::fmt::Display;
use std::str::FromStr;

use anyhow::{Context as _, Result, bail};

/// The arguments after the command's name. Take each option, then call [`finish`](Self::finish).
pub(crate) struct Options {
    rest: Vec<String>,
}

impl Options {
    pub(crate) fn new(arguments: impl Iterator<Item = String>) -> Self {
        Self { rest: arguments.collect() }
    }

    /// Returns whether `--name` was given, and takes it.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let before = self.rest.len();
        self.rest.retain(|argument| argument != name);
        self.rest.len() < before
    }

    /// The value of `--name VALUE` or `--name=VALUE`.
    pub(crate) fn value<T: FromStr<Err: Display>>(&mut self, name: &str) -> Result<Option<T>> {
        let assigned = format!("{name}=");
        let Some(at) =
            self.rest.iter().position(|argument| argument == name || argument.starts_with(&assigned))
        else {
            return Ok(None);
        };
        let argument = self.rest.remove(at);
        let value = match argument.strip_prefix(&assigned) {
            Some(value) => value.to_owned(),
            None if at < self.rest.len() => self.rest.remove(at),
            None => bail!("{name} needs a value"),
        };
        let parsed = value.parse().map_err(|error| anyhow::anyhow!("{error}"));
        parsed.with_context(|| format!("{name} {value}")).map(Some)
    }

    /// Rejects the arguments that were not taken.
    pub(crate) fn finish(self) -> Result<()> {
        match self.rest.first() {
            None => Ok(()),
            Some(unknown) => bail!("does not know `{unknown}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(line: &str) -> Options {
        Options::new(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn values_and_flags_are_taken_in_any_order() {
        let mut given = options("--fresh --port 8091 --idp-port=9400");
        assert_eq!(given.value::<u16>("--idp-port").unwrap(), Some(9400));
        assert_eq!(given.value::<u16>("--port").unwrap(), Some(8091));
        assert!(given.flag("--fresh"));
        assert!(!given.flag("--fresh"));
        given.finish().unwrap();
    }

    #[test]
    fn what_is_wrong_is_said() {
        let error = options("--port many").value::<u16>("--port").unwrap_err();
        assert_eq!(format!("{error:#}"), "--port many: invalid digit found in string");
        let error = options("--port").value::<u16>("--port").unwrap_err();
        assert_eq!(error.to_string(), "--port needs a value");
        let error = options("--prot 1").finish().unwrap_err();
        assert_eq!(error.to_string(), "does not know `--prot`");
    }
}
