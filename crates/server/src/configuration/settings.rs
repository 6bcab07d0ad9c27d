//! Brings the sources together and keeps what is wrong with them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Display;
use std::path::Path;

use secrecy::SecretString;
use toml::{Table, Value};

use super::keys::{IMAGE_VARIABLES, KEYS, Key, VARIABLE_PREFIXES, ValueKind};
use super::problems::{Problem, Source};
use super::sources::{File, Sources};
use super::values::{self, Readers};

/// The sections for further providers.
pub(super) const PROVIDERS: &str = "provider";
/// The sections for the services of the lab.
pub(super) const SERVICES: &str = "service";
/// The section of a provider's keys.
pub(super) const SECTION_OF_PROVIDER: &str = "external_oidc.";

/// The values of all keys, and the problems met so far.
#[derive(Default)]
pub(super) struct Settings {
    /// The values in force with their sources, by the paths of their keys.
    values: BTreeMap<&'static str, (Value, Source)>,
    /// The sections `[[provider]]` of the file, each as settings of its own with the keys of
    /// `[external_oidc]`.
    pub(super) providers: Vec<Self>,
    /// The sections `[[service]]` of the file, as they are written.
    pub(super) services: Vec<Table>,
    /// The file that they stand in.
    pub(super) services_source: Source,
    /// The problems met.
    pub(super) problems: Vec<Problem>,
    /// These are the keys of one section `[[provider]]`, which stand there by their last name alone.
    is_section: bool,
}

impl Settings {
    /// Brings the sources together: the defaults, over them the file, over it the environment.
    pub(super) fn merge(sources: &Sources) -> Self {
        let mut settings = Self::of_defaults("");
        if let Some(file) = &sources.file {
            settings.merge_file(file);
        }
        settings.merge_environment(&sources.environment);
        settings
    }

    /// The parsed value of a key; `None` when it is not set, or is a problem.
    pub(super) fn value<T, E: Display>(
        &mut self,
        key: &Key,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(key)?;
        let value = parse(&text).map_err(|error| match key.kind {
            ValueKind::Secret | ValueKind::Url => error.to_string(),
            _ => format!("{text:?} {error}"),
        });
        self.accept(key, value)
    }

    /// The texts of a list that is set; `None` when it is not. One that is set and empty is a problem: its
    /// author meant something.
    pub(super) fn list(&mut self, key: &Key) -> Option<Vec<String>> {
        if !self.is_set(key) {
            return None;
        }
        match elements(self.found(key)?) {
            Err(reason) => self.refuse(key, reason),
            Ok(texts) if texts.iter().all(String::is_empty) => {
                self.refuse(key, "is empty: leave it out, or say what it is")
            }
            Ok(texts) => Some(texts),
        }
    }

    /// The entries of a table that is set, each as `name=value`; `None` when it is not.
    pub(super) fn table(&mut self, key: &Key) -> Option<Vec<String>> {
        if !self.is_set(key) {
            return None;
        }
        match entries(self.found(key)?) {
            Some(entries) => Some(entries),
            None => self.refuse(key, key.kind.notation()),
        }
    }

    /// The settings of a section `[[provider]]`.
    fn of_section(section: &Table, source: &Source) -> Self {
        let mut settings = Self { is_section: true, ..Self::of_defaults(SECTION_OF_PROVIDER) };
        settings.merge_section(section, SECTION_OF_PROVIDER.trim_end_matches('.'), source);
        settings
    }

    /// The defaults of the keys that begin so.
    fn of_defaults(prefix: &str) -> Self {
        let keys = KEYS.iter().filter(|key| key.path.starts_with(prefix));
        let default = |key: &Key| Some((key.path, (Value::from(key.default?), Source::Default)));
        Self { values: keys.filter_map(default).collect(), ..Self::default() }
    }

    /// The value of a switch.
    pub(super) fn switch(&mut self, key: &Key) -> Option<bool> {
        self.value(key, values::switch)
    }

    /// A secret that can also stand in a file. Both at once is a problem.
    pub(super) fn secret(&mut self, key: &Key, file: &Key, readers: Readers) -> Option<SecretString> {
        if self.is_set(key) && self.is_set(file) {
            let other = self.source(file);
            return self.refuse(key, format!("is set, and so is {} ({other}): set one of them", file.path));
        }
        if self.is_set(key) {
            return self.text(key).map(SecretString::from);
        }
        let path = self.text(file)?;
        let secret = values::secret_in_file(Path::new(&path), readers);
        self.accept(file, secret.map_err(|reason| format!("{path}: {reason}")))
    }

    /// The content of the file that a key names.
    pub(super) fn secret_file(&mut self, key: &Key, readers: Readers) -> Option<SecretString> {
        let path = self.text(key)?;
        let content = values::secret_file(Path::new(&path), readers);
        self.accept(key, content.map_err(|reason| format!("{path}: {reason}")))
    }

    /// Returns whether the key is set; a default does not count.
    pub(super) fn is_set(&self, key: &Key) -> bool {
        !matches!(self.source(key), Source::Default | Source::Unset)
    }

    /// The source of the key's value.
    pub(super) fn source(&self, key: &Key) -> Source {
        self.values.get(key.path).map_or(Source::Unset, |(_, source)| source.clone())
    }

    fn found(&self, key: &Key) -> Option<&Value> {
        self.values.get(key.path).map(|(value, _)| value)
    }

    /// The name for an operator to set.
    pub(super) fn name_to_set(&self, key: &Key) -> String {
        match key.path.strip_prefix(SECTION_OF_PROVIDER) {
            Some(name) if self.is_section => name.to_owned(),
            _ => key.variable(),
        }
    }

    /// Takes what the value of this key stands for, or adds the error as a problem.
    pub(super) fn accept<T>(&mut self, key: &Key, value: Result<T, impl Display>) -> Option<T> {
        value.map_err(|error| self.refuse::<()>(key, error.to_string())).ok()
    }

    /// Adds a problem with the value of this key.
    pub(super) fn refuse<T>(&mut self, key: &Key, text: impl Into<String>) -> Option<T> {
        let source = self.source(key);
        self.problems.push(Problem::new(key.path, source, text));
        None
    }

    /// The value of a key as it may be shown; of a list, each element.
    pub(super) fn shown(&self, key: &Key) -> Vec<String> {
        let Some(value) = self.found(key) else { return Vec::new() };
        match key.kind {
            ValueKind::Secret => vec!["set".to_owned()],
            ValueKind::List => elements(value).unwrap_or_default(),
            ValueKind::Table => entries(value).unwrap_or_default(),
            _ => text_of(value).into_iter().collect(),
        }
    }

    /// The value of a key as text.
    pub(super) fn text(&mut self, key: &Key) -> Option<String> {
        let text = match (self.found(key)?, key.kind) {
            (list @ Value::Array(_), ValueKind::List) if text_of(list).as_deref() == Some("") => return None,
            (value @ Value::String(_), _)
            | (value @ Value::Boolean(_), ValueKind::Switch)
            | (value @ Value::Integer(_), ValueKind::Number)
            | (value @ Value::Array(_), ValueKind::List) => text_of(value),
            (Value::Table(_), kind) if kind != ValueKind::Switch => {
                return self.refuse(key, "is one value, not a section");
            }
            _ => None,
        };
        let Some(text) = text else { return self.refuse(key, key.kind.notation()) };
        match values::unfit(&text) {
            None => Some(text),
            Some(reason) => self.refuse(key, reason),
        }
    }

    fn merge_file(&mut self, file: &File) {
        let source = Source::File(file.name.clone());
        match toml::from_str(&file.text) {
            Ok(table) => self.merge_section(&table, "", &source),
            Err(error) => {
                self.problems.push(Problem::new("", source, without_snippet(&error.to_string())));
            }
        }
    }

    /// Takes the keys of a section of a file, and refuses what is none.
    fn merge_section(&mut self, section: &Table, section_path: &str, source: &Source) {
        for (name, value) in section {
            let path = if section_path.is_empty() { name.clone() } else { format!("{section_path}.{name}") };
            let is_section = || {
                KEYS.iter().any(|key| key.path.strip_prefix(&path).is_some_and(|rest| rest.starts_with('.')))
            };
            // A dot in a name, which only quotes can bring there, would look like a section.
            let key = KEYS.iter().find(|key| key.path == path && !name.contains('.'));
            let text = match (key, value) {
                (Some(key), value) => {
                    self.values.insert(key.path, (value.clone(), source.clone()));
                    continue;
                }
                (None, Value::Array(values)) if path == PROVIDERS && values.iter().all(Value::is_table) => {
                    let sections = values.iter().filter_map(Value::as_table);
                    self.providers = sections.map(|section| Self::of_section(section, source)).collect();
                    continue;
                }
                (None, Value::Table(section)) if is_section() => {
                    self.merge_section(section, &path, source);
                    continue;
                }
                (None, Value::Array(values)) if path == SERVICES && values.iter().all(Value::is_table) => {
                    self.services = values.iter().filter_map(Value::as_table).cloned().collect();
                    self.services_source = source.clone();
                    continue;
                }
                _ if path == SERVICES => "is a list of sections: write [[service]]".to_owned(),
                _ if path == PROVIDERS => "is a list of sections: write [[provider]]".to_owned(),
                _ if is_section() => format!("is a section: write [{path}]"),
                _ if self.is_section => format!("there is no such key{}", suggestion_in_section(&path)),
                _ => format!("there is no such key{}", suggestion_for_key(&path)),
            };
            self.problems.push(Problem::new(&path, source.clone(), text));
        }
    }

    fn merge_environment(&mut self, environment: &[(OsString, OsString)]) {
        for (name, value) in environment {
            let name = name.to_string_lossy();
            let source = Source::Variable(name.clone().into_owned());
            let Some(key) = KEYS.iter().find(|key| key.variables().any(|variable| variable == name)) else {
                if means_us(&name) && !is_of_the_platform(&name, &value.to_string_lossy()) {
                    let text = format!("there is no such variable{}", suggestion_for_variable(&name));
                    self.problems.push(Problem::new("", source, text));
                }
                continue;
            };
            let Some(value) = value.to_str() else {
                self.problems.push(Problem::new(key.path, source, "is not UTF-8"));
                continue;
            };
            if let other @ Source::Variable(_) = self.source(key) {
                self.problems.push(Problem::new(key.path, source, format!("is set already, by {other}")));
                continue;
            }
            // It stays the text that it is: the client secret `12345` is no number.
            self.values.insert(key.path, (Value::from(value), source));
        }
    }
}

/// The elements of a list: in the environment a list in JSON, or texts with commas in between. Distinguished
/// names (`cn=lab,dc=example`) have commas themselves, so a list of those is written in JSON.
fn elements(list: &Value) -> Result<Vec<String>, &'static str> {
    let text = match list {
        Value::String(text) => text.trim(),
        Value::Array(values) => return texts(values).ok_or(ValueKind::List.notation()),
        _ => return Err(ValueKind::List.notation()),
    };
    if text.starts_with('[') {
        return serde_json::from_str(text).map_err(|_| ValueKind::List.notation());
    }
    if text.contains('=') && text.contains(',') {
        return Err(
            "has commas and equals signs, and it cannot be told where one text ends: write a list, such as \
                    [\"cn=lab,ou=groups,dc=example,dc=org\"]",
        );
    }
    Ok(text.split(',').map(|text| text.trim().to_owned()).collect())
}

/// The entries of a table, each as `name=value`.
fn entries(table: &Value) -> Option<Vec<String>> {
    match table {
        Value::Table(table) => {
            table.iter().map(|(name, value)| Some(format!("{name}={}", text_of(value)?))).collect()
        }
        Value::String(text) => {
            let pairs = url::form_urlencoded::parse(text.as_bytes());
            Some(pairs.map(|(name, value)| format!("{name}={value}")).collect())
        }
        _ => None,
    }
}

/// The text of a value, as the environment writes it.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Boolean(value) => Some(value.to_string()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Array(values) => texts(values).map(|texts| texts.join(",")),
        Value::Float(_) | Value::Datetime(_) | Value::Table(_) => None,
    }
}

/// The texts of a list, if all of it are texts.
fn texts(values: &[Value]) -> Option<Vec<String>> {
    values.iter().map(|value| value.as_str().map(str::to_owned)).collect()
}

/// Returns whether a variable's name looks like one of ours.
fn means_us(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    VARIABLE_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Returns whether the variable is the platform's: an image states its version, and Kubernetes (and Docker's
/// links) tell every container about a service: one named `labgate` brings `LABGATE_PORT=tcp://…` and ten
/// more. All others that look like ours are mistakes: a setting that is not in force would open a door
/// unnoticed.
fn is_of_the_platform(name: &str, value: &str) -> bool {
    let is_address = || ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme));
    let is_docker_link = || name.contains("_ENV_") || (name.ends_with("_NAME") && value.starts_with('/'));
    IMAGE_VARIABLES.contains(&name)
        || is_docker_link()
        || name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || (name.ends_with("_PORT") && is_address())
        || (name.contains("_PORT_")
            && ["_TCP", "_UDP", "_SCTP"].iter().any(|protocol| name.contains(protocol)))
}

/// A TOML error without the line that it quotes: that line may hold a secret.
fn without_snippet(error: &str) -> String {
    let is_snippet =
        |line: &str| line.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit()).starts_with('|');
    let lines: Vec<_> = error.lines().filter(|line| !is_snippet(line) && !line.is_empty()).collect();
    lines.join(": ")
}

fn suggestion_for_key(path: &str) -> String {
    let leaf = |path: &'static str| path.rsplit('.').next().unwrap_or(path);
    let by_leaf = KEYS.iter().map(|key| key.path).find(|known| leaf(known) == path);
    let by_variable = || KEYS.iter().find(|key| key.variables().any(|name| name == path)).map(|key| key.path);
    let sections = KEYS.iter().filter_map(|key| key.path.split_once('.')).map(|(section, _)| section);
    let similar = || most_similar(path, KEYS.iter().map(|key| key.path).chain(sections).map(str::to_owned));
    suggestion(by_leaf.or_else(by_variable).map(str::to_owned).or_else(similar))
}

/// The same within a section `[[provider]]`.
fn suggestion_in_section(path: &str) -> String {
    let keys = || KEYS.iter().filter_map(|key| key.path.strip_prefix(SECTION_OF_PROVIDER)).map(str::to_owned);
    suggestion(most_similar(path.strip_prefix(SECTION_OF_PROVIDER).unwrap_or(path), keys()))
}

fn suggestion_for_variable(name: &str) -> String {
    let known = KEYS.iter().flat_map(Key::variables);
    suggestion(most_similar(&name.to_ascii_uppercase(), known))
}

fn suggestion(known: Option<String>) -> String {
    known.map(|known| format!("; did you mean {known}?")).unwrap_or_default()
}

/// The known name that the given one is most like, if they are much alike.
fn most_similar(given: &str, known: impl Iterator<Item = String>) -> Option<String> {
    known
        .map(|known| (strsim::normalized_damerau_levenshtein(given, &known), known))
        .filter(|(similarity, _)| *similarity > 0.65)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}
