use std::ffi::OsString;
use std::path::Path;

use super::problems::{Problem, Problems, Source};

/// The sources of a configuration.
#[derive(Clone, Default)]
pub struct Sources {
    /// The configuration file, if there is one.
    pub file: Option<File>,
    /// The variables of the environment, ours and others.
    pub environment: Vec<(OsString, OsString)>,
}

/// A configuration file.
#[derive(Clone)]
pub struct File {
    /// Its name, for messages.
    pub name: String,
    /// Its content, in TOML.
    pub text: String,
}

impl Sources {
    /// The file that is read without being asked for, in the working directory.
    pub const DEFAULT_FILE: &str = "labgate.toml";

    /// The sources of this process: its environment, and this file, which must be there; without one,
    /// `labgate.toml` in the working directory if that is there.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn of_process(file: Option<&Path>) -> Result<Self, Problems> {
        let path = file.unwrap_or(Path::new(Self::DEFAULT_FILE));
        let name = path.display().to_string();
        let file = match std::fs::read_to_string(path) {
            Ok(text) => Some(File { name, text }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && file.is_none() => None,
            Err(error) => {
                let problem = Problem::new("", Source::File(name), format!("cannot be read: {error}"));
                return Err(Problems(vec![problem]));
            }
        };
        let mut environment: Vec<_> = std::env::vars_os().collect();
        environment.sort_unstable();
        Ok(Self { file, environment })
    }
}
