//! Brings the sources together and keeps what is wrong with them.

use std::ffi::OsString;
use std::fmt::Display;
use std::path::Path;

use figment::providers::{Format as _, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use secrecy::{ExposeSecret as _, SecretString};

use super::keys::{KEYS, Key, VARIABLE_PREFIXES, ValueKind};
use super::problems::{Problem, Source};
use super::sources::{File, Sources};
use super::values::{self, Readers};

/// The sections for further providers.
const PROVIDERS: &str = "provider";
/// The section of a provider's keys.
pub(super) const SECTION_OF_PROVIDER: &str = "external_oidc.";

/// The values of all keys, and the problems met so far.
pub(super) struct Settings {
    figment: Figment,
    problems: Vec<Problem>,
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
        match parse(&text) {
            Ok(value) => Some(value),
            Err(error) if matches!(key.kind, ValueKind::Secret | ValueKind::Url) => {
                self.refuse(key, error.to_string())
            }
            Err(error) => self.refuse(key, format!("{text:?} {error}")),
        }
    }

    /// The texts of a list that is set; `None` when it is not. One that is set and empty is a problem: its
    /// author meant something.
    pub(super) fn list(&mut self, key: &Key) -> Option<Vec<String>> {
        if !self.is_set(key) {
            return None;
        }
        let texts: Option<Vec<String>> = match self.figment.find_value(key.path).ok()? {
            Value::String(_, text) => Some(text.split(',').map(|text| text.trim().to_owned()).collect()),
            Value::Array(_, values) => values.into_iter().map(Value::into_string).collect(),
            _ => None,
        };
        match texts {
            None => self.refuse(key, ValueKind::List.notation()),
            Some(texts) if texts.iter().all(String::is_empty) => {
                self.refuse(key, "is empty: leave it out, or say what it is")
            }
            texts => texts,
        }
    }

    /// The sections `[[provider]]` of the file, each as settings of its own with the keys of
    /// `[external_oidc]`.
    pub(super) fn providers(&self) -> Vec<Self> {
        let Some(Value::Array(_, sections)) = self.figment.find_value(PROVIDERS).ok() else {
            return Vec::new();
        };
        let source = self.figment.find_metadata(PROVIDERS).map_or(Source::Unset, Layer::source);
        sections
            .into_iter()
            .filter_map(Value::into_dict)
            .map(|section| Self::of_section(&section, &source))
            .collect()
    }

    fn of_section(section: &Dict, source: &Source) -> Self {
        let mut settings = Self { is_section: true, ..Self::of_defaults(SECTION_OF_PROVIDER) };
        let section_name = SECTION_OF_PROVIDER.trim_end_matches('.').to_owned();
        // Serialized it forgets where it came from, so that it can come from another layer.
        let section = Value::serialize(section).unwrap_or_else(|_| Value::from(Dict::new()));
        let dict = Dict::from([(section_name, section)]);
        settings.refuse_unknown_keys(&dict, "", source);
        settings.add(Layer { source: source.clone(), dict });
        settings
    }

    /// The defaults of the keys that begin so.
    fn of_defaults(prefix: &str) -> Self {
        let keys = KEYS.iter().filter(|key| key.path.starts_with(prefix));
        let defaults = keys.filter_map(|key| Some(Layer::new(Source::Default, key, key.default?)));
        let figment = defaults.fold(Figment::new(), Figment::merge);
        Self { figment, problems: Vec::new(), is_section: false }
    }

    /// Puts a layer over those that are there.
    fn add(&mut self, layer: Layer) {
        self.figment = std::mem::take(&mut self.figment).merge(layer);
    }

    /// Takes over what is wrong with a section `[[provider]]`, under its own name.
    pub(super) fn take_problems_of_provider(&mut self, name: &str, provider: Self) {
        let renamed = provider.problems.into_iter().map(|problem| problem.within(SECTION_OF_PROVIDER, name));
        self.problems.extend(renamed);
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
        let content = self.secret_file(file, readers)?;
        let secret = values::without_final_line_break(content.expose_secret());
        match values::unfit(secret) {
            None => Some(SecretString::from(secret)),
            Some(reason) => {
                let path = self.text(file)?;
                self.refuse(file, format!("{path}: the content {reason}"))
            }
        }
    }

    /// The content of the file that a key names.
    pub(super) fn secret_file(&mut self, key: &Key, readers: Readers) -> Option<SecretString> {
        let path = self.text(key)?;
        match values::secret_file(Path::new(&path), readers) {
            Ok(content) => Some(content),
            Err(reason) => self.refuse(key, format!("{path}: {reason}")),
        }
    }

    /// Returns whether the key is set; a default does not count.
    pub(super) fn is_set(&self, key: &Key) -> bool {
        !matches!(self.source(key), Source::Default | Source::Unset)
    }

    /// The source of the key's value.
    pub(super) fn source(&self, key: &Key) -> Source {
        match self.figment.find_metadata(key.path) {
            None => Source::Unset,
            Some(metadata) => Layer::source(metadata),
        }
    }

    /// The name for an operator to set.
    pub(super) fn name_to_set(&self, key: &Key) -> String {
        match key.path.strip_prefix(SECTION_OF_PROVIDER) {
            Some(name) if self.is_section => name.to_owned(),
            _ => key.variable(),
        }
    }

    /// Adds the problem that this key is not set.
    pub(super) fn refuse_unset(&mut self, key: &Key, text: impl Into<String>) {
        self.problems.push(Problem::new(key.path, Source::Unset, text));
    }

    /// Adds a problem with the value of this key.
    pub(super) fn refuse<T>(&mut self, key: &Key, text: impl Into<String>) -> Option<T> {
        let source = self.source(key);
        self.problems.push(Problem::new(key.path, source, text));
        None
    }

    /// The problems met.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// Returns whether there are problems.
    pub(super) fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }

    /// The value of a key as it may be shown, and where it comes from.
    pub(super) fn shown(&self, key: &Key) -> Option<String> {
        let value = self.figment.find_value(key.path).ok()?;
        Some(match value {
            Value::Bool(_, value) => value.to_string(),
            _ if key.kind == ValueKind::Secret => "set".to_owned(),
            value @ Value::Num(..) => whole_number(&value)?.to_string(),
            Value::Array(_, values) => joined(values)?,
            value => value.into_string()?,
        })
    }

    /// The value of a key as text.
    pub(super) fn text(&mut self, key: &Key) -> Option<String> {
        let value = self.figment.find_value(key.path).ok()?;
        let text = match (value, key.kind) {
            (Value::String(_, text), _) => Some(text),
            (Value::Bool(_, value), ValueKind::Switch) => Some(value.to_string()),
            (value @ Value::Num(..), ValueKind::Number) => {
                whole_number(&value).map(|number| number.to_string())
            }
            (Value::Array(_, values), ValueKind::List) => match joined(values) {
                Some(text) if text.is_empty() => return None,
                text => text,
            },
            (Value::Dict(..), kind) if kind != ValueKind::Switch => {
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
        match Toml::string(&file.text).data() {
            Ok(mut profiles) => {
                let dict = profiles.remove(&Profile::Default).unwrap_or_default();
                self.refuse_unknown_keys(&dict, "", &source);
                self.add(Layer { source, dict });
            }
            Err(error) => {
                self.problems.push(Problem::new("", source, without_snippet(&error.kind.to_string())));
            }
        }
    }

    /// Walks the sections of a file.
    fn refuse_unknown_keys(&mut self, dict: &Dict, section: &str, source: &Source) {
        for (name, value) in dict {
            let path = if section.is_empty() { name.clone() } else { format!("{section}.{name}") };
            let is_section = |path: &str| {
                KEYS.iter().any(|key| key.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
            };
            let text = match value {
                Value::Array(_, sections) if path == PROVIDERS => {
                    if sections.iter().all(|section| matches!(section, Value::Dict(..))) {
                        continue;
                    }
                    "is a list of sections: write [[provider]]".to_owned()
                }
                _ if path == PROVIDERS => "is a list of sections: write [[provider]]".to_owned(),
                // A dot in a name, which only quotes can bring there, would look like a section.
                _ if !name.contains('.') && KEYS.iter().any(|key| key.path == path) => continue,
                Value::Dict(_, dict) if is_section(&path) => {
                    self.refuse_unknown_keys(dict, &path, source);
                    continue;
                }
                _ if is_section(&path) => format!("is a section: write [{path}]"),
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
                if means_us(&name) && !is_service_link(&name, &value.to_string_lossy()) {
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
            self.add(Layer::new(source, key, value));
        }
    }
}

/// Values from one source, for figment, which remembers of each value which layer it came from.
struct Layer {
    source: Source,
    dict: Dict,
}

impl Layer {
    /// One value. It stays the text that it is: figment's own reading of the environment would make a number
    /// of the client secret `12345`.
    fn new(source: Source, key: &Key, value: &str) -> Self {
        let dict = figment::util::nest(key.path, Value::from(value)).into_dict().unwrap_or_default();
        Self { source, dict }
    }

    const DEFAULT: &str = "default";
    const FILE: &str = "file";
    const VARIABLE: &str = "variable";

    fn source(metadata: &Metadata) -> Source {
        let name = metadata.source.as_ref().and_then(|source| source.custom()).unwrap_or_default().to_owned();
        match &*metadata.name {
            Self::FILE => Source::File(name),
            Self::VARIABLE => Source::Variable(name),
            _ => Source::Default,
        }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        match &self.source {
            Source::File(name) => Metadata::from(Self::FILE, name.as_str()),
            Source::Variable(name) => Metadata::from(Self::VARIABLE, name.as_str()),
            Source::Default | Source::Unset => Metadata::named(Self::DEFAULT),
        }
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.dict.clone()))
    }
}

fn whole_number(value: &Value) -> Option<i128> {
    let unsigned = || value.to_u128().and_then(|number| i128::try_from(number).ok());
    value.to_i128().or_else(unsigned)
}

/// The texts of a list as one, as the environment writes it.
fn joined(values: Vec<Value>) -> Option<String> {
    let texts: Option<Vec<String>> = values.into_iter().map(Value::into_string).collect();
    texts.map(|texts| texts.join(","))
}

/// Returns whether a variable's name looks like one of ours.
fn means_us(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    VARIABLE_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Returns whether the variable is one of those by which Kubernetes (and Docker's links) tell every container
/// about a service: a service named `labgate` brings `LABGATE_PORT=tcp://…` and ten more.
fn is_service_link(name: &str, value: &str) -> bool {
    let is_address = || ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme));
    name.ends_with("_SERVICE_HOST")
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
