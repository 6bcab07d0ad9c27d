use std::time::Duration;

use labgate_domain::access_token::AccessToken;
use labgate_domain::time::parse_duration;

use super::keys::{self, Key};
use super::settings::Settings;

/// The lifetimes of tokens, sessions and access tokens, and the number of sessions.
pub(super) struct Limits {
    pub(super) token_lifetime: Duration,
    pub(super) idle: Duration,
    pub(super) absolute: Duration,
    pub(super) max_per_account: u32,
    pub(super) database_grace: Duration,
    pub(super) access_token_days: u32,
}

const MIN_TOKEN_LIFETIME: Duration = Duration::from_mins(1);
const MAX_TOKEN_LIFETIME: Duration = Duration::from_hours(1);
const MAX_ABSOLUTE: Duration = Duration::from_hours(365 * 24);
const MAX_SESSIONS: u32 = 1000;
const MAX_DATABASE_GRACE: Duration = Duration::from_hours(1);

pub(super) fn limits(settings: &mut Settings) -> Option<Limits> {
    let token_lifetime = settings.value(&keys::TOKEN_LIFETIME, |text| match parse_duration(text)? {
        lifetime if (MIN_TOKEN_LIFETIME..=MAX_TOKEN_LIFETIME).contains(&lifetime) => Ok(lifetime),
        _ => Err("is not between 1m and 1h"),
    });
    let idle = settings.value(&keys::IDLE_LIMIT, parse_duration);
    let absolute = settings.value(&keys::ABSOLUTE_LIMIT, |text| match parse_duration(text)? {
        limit if limit <= MAX_ABSOLUTE => Ok(limit),
        _ => Err("is more than 365d"),
    });
    let max_per_account = settings.value(&keys::MAX_PER_ACCOUNT, |text| match text.parse() {
        Ok(number) if (1..=MAX_SESSIONS).contains(&number) => Ok(number),
        _ => Err("is not between 1 and 1000"),
    });
    let database_grace = settings.value(&keys::DATABASE_GRACE, |text| match parse_duration(text)? {
        grace if grace <= MAX_DATABASE_GRACE => Ok(grace),
        _ => Err("is more than 1h"),
    });
    let access_token_days = settings.value(&keys::ACCESS_TOKEN_DAYS, |text| match text.parse() {
        Ok(days) if (1..=AccessToken::MAX_DAYS).contains(&days) => Ok(days),
        _ => Err("is not between 1 and 365"),
    });
    let limits = Limits {
        token_lifetime: token_lifetime?,
        idle: idle?,
        absolute: absolute?,
        max_per_account: max_per_account?,
        database_grace: database_grace?,
        access_token_days: access_token_days?,
    };

    // A session counts as used when its token is renewed. A shorter limit would end sessions that are in use.
    if limits.idle < limits.token_lifetime * 2 {
        return refuse(settings, &keys::IDLE_LIMIT, "is less than twice", &keys::TOKEN_LIFETIME);
    }
    if limits.idle > limits.absolute {
        return refuse(settings, &keys::IDLE_LIMIT, "is more than", &keys::ABSOLUTE_LIMIT);
    }
    Some(limits)
}

fn refuse<T>(settings: &mut Settings, key: &Key, relation: &str, other: &Key) -> Option<T> {
    let [value, other_value] = [key, other].map(|key| settings.shown(key).concat());
    let source = settings.source(other);
    settings.refuse(key, format!("{value:?} {relation} {} ({source}: {other_value:?})", other.path))
}
