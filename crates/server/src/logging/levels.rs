use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

/// From which level on events are written: a level for Labgate, and levels for single targets.
///
/// Labgate's own crates can be opened up to `trace`. A library writes from `warn` on; named, from `info` on,
/// and never below: at `debug` and `trace` libraries write URLs, headers and frames, and those carry codes
/// and tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels {
    labgate: LevelFilter,
    targets: Vec<(String, LevelFilter)>,
}

/// The prefix of the targets of all our crates.
const OURS: &str = "labgate";
/// The level from which a library writes by default.
const LIBRARIES: LevelFilter = LevelFilter::WARN;
/// The lowest level that a library can be set to.
const LIBRARIES_LOWEST: LevelFilter = LevelFilter::INFO;

impl Levels {
    /// Takes levels from the configuration: `info`, or `info,labgate_provider=trace`.
    ///
    /// # Errors
    /// When a part is neither a level nor `target=level`, or there are two levels without a target.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut labgate = None;
        let mut targets = Vec::new();
        for part in text.split(',') {
            match part.split_once('=') {
                Some((target, part)) => targets.push((target_name(target)?.to_owned(), level(part)?)),
                None if labgate.is_none() => labgate = Some(level(part)?),
                None => return Err("has two levels without a target"),
            }
        }
        Ok(Self { labgate: labgate.unwrap_or(LevelFilter::INFO), targets })
    }

    pub(super) fn to_filter(&self) -> Targets {
        let targets = self.targets.iter().map(|(target, level)| {
            let lowest = if target.starts_with(OURS) { LevelFilter::TRACE } else { LIBRARIES_LOWEST };
            (target.clone(), (*level).min(lowest))
        });
        Targets::new()
            .with_default(self.labgate.min(LIBRARIES))
            .with_target(OURS, self.labgate)
            .with_targets(targets)
    }
}

fn target_name(text: &str) -> Result<&str, &'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':');
    if !text.is_empty() && text.bytes().all(allowed) {
        Ok(text)
    } else {
        Err("has a target that is not a crate's or module's name, such as labgate_provider")
    }
}

fn level(text: &str) -> Result<LevelFilter, &'static str> {
    // tracing itself also takes capitals, numbers and `off`.
    let known = ["error", "warn", "info", "debug", "trace"].contains(&text);
    let level = text.parse().ok().filter(|_| known);
    level.ok_or("is not a level (error, warn, info, debug, trace), nor a list of levels and target=level")
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn enables(levels: &str, target: &str, level: Level) -> bool {
        Levels::parse(levels).unwrap().to_filter().would_enable(target, &level)
    }

    #[test]
    fn the_level_is_for_labgate_and_libraries_stay_quiet() {
        assert!(enables("debug", "labgate_http::serve", Level::DEBUG));
        assert!(!enables("debug", "labgate_http::serve", Level::TRACE));
        assert!(!enables("debug", "sqlx::query", Level::INFO));
        assert!(enables("debug", "sqlx::query", Level::WARN));
        assert!(!enables("error", "sqlx::query", Level::WARN));
    }

    #[test]
    fn a_target_has_its_own_level() {
        let levels = "warn,labgate_provider=trace,labgate=error";
        assert!(enables(levels, "labgate_provider::jwks", Level::TRACE));
        assert!(!enables(levels, "labgate_http", Level::WARN));
        assert!(enables("labgate_http=debug", "labgate_store", Level::INFO));
    }

    #[test]
    fn c190_no_setting_opens_a_library_below_info() {
        for target in ["h2", "h2::codec", "hyper", "hyper_util", "reqwest", "rustls", "sqlx", "warp"] {
            for levels in ["trace", &format!("{target}=trace"), "h=trace,l=trace,r=trace,s=trace,w=trace"] {
                assert!(!enables(levels, target, Level::DEBUG), "{levels} {target}");
            }
            assert!(enables(&format!("{target}=trace"), target, Level::INFO), "{target}");
        }
    }

    #[test]
    fn a_text_that_is_no_level_is_refused() {
        for bad in [
            "",
            "loud",
            "INFO",
            "info,",
            "info,debug",
            "=info",
            "labgate=",
            "labgate=loud",
            "a b=info",
            "labgate[{x}]=info",
            "3",
        ] {
            assert!(Levels::parse(bad).is_err(), "{bad:?}");
        }
    }
}
