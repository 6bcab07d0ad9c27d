use std::fmt;

/// One thing that is wrong with the configuration: which key, where its value comes from, and what to do.
///
/// It never holds the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, such as `session.idle_limit`; empty when the problem is not one key's.
    pub key: String,
    /// The source of the value.
    pub source: Source,
    /// What is wrong, and what to do.
    pub text: String,
}

/// The source of a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// A configuration file, by its name.
    File(String),
    /// An environment variable, by its name.
    Variable(String),
    /// The default.
    Default,
    /// Nowhere: the key is not set.
    #[default]
    Unset,
}

impl Problem {
    pub(super) fn new(key: &str, source: Source, text: impl Into<String>) -> Self {
        Self { key: key.to_owned(), source, text: text.into() }
    }

    /// The same problem, with a key of this section named within another.
    pub(super) fn within(self, section: &str, name: &str) -> Self {
        match self.key.strip_prefix(section) {
            Some(rest) => Self { key: format!("{name}.{rest}"), ..self },
            None => self,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = one_line(&self.text);
        if self.key.is_empty() {
            return write!(f, "{}: {text}", self.source);
        }
        write!(f, "{} ({}): {text}", one_line(&self.key), self.source)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(name) => write!(f, "file {}", one_line(name)),
            Self::Variable(name) => write!(f, "environment variable {}", one_line(name)),
            Self::Default => f.write_str("default"),
            Self::Unset => f.write_str("not set"),
        }
    }
}

/// Everything that is wrong with a configuration, all at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub(super) Vec<Problem>);

impl Problems {
    /// Each problem.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [_] => f.write_str("the configuration has a problem:")?,
            all => write!(f, "the configuration has {} problems:", all.len())?,
        }
        for problem in &self.0 {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

/// Text without what could break or disguise a line of output.
fn one_line(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}
