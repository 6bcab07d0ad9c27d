//! The history of a schema. It only moves forward, and a released step never changes.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};

use crate::OpenError;

/// A step of a schema: its version, a description, and its SQL.
pub(crate) type Step = (i64, &'static str, &'static str);

pub(crate) fn migrator(steps: &[Step]) -> Migrator {
    let steps = steps.iter().map(|&(version, description, sql)| {
        Migration::new(version, description.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(steps.collect())
}

/// Returns why the steps could not be taken.
pub(crate) fn refused(steps: &[Step], database: String, error: &MigrateError) -> OpenError {
    let known = steps.iter().map(|step| step.0).max().unwrap_or(0);
    match *error {
        MigrateError::VersionMissing(found) if found > known => OpenError::Newer { database, found, known },
        MigrateError::VersionMissing(version)
        | MigrateError::VersionMismatch(version)
        | MigrateError::Dirty(version) => OpenError::Foreign { database, version },
        _ => OpenError::Unusable { database, reason: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use crate::{postgres, sqlite};

    #[test]
    fn every_migration_file_is_a_step_under_its_number() {
        for (folder, steps) in [("sqlite", sqlite::STEPS), ("postgres", postgres::STEPS)] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(folder);
            let files: BTreeMap<i64, String> = fs::read_dir(folder)
                .unwrap()
                .map(|entry| {
                    let entry = entry.unwrap();
                    let name = entry.file_name().into_string().unwrap();
                    let number = name.split('_').next().unwrap().parse().unwrap();
                    (number, fs::read_to_string(entry.path()).unwrap())
                })
                .collect();
            let numbered: BTreeMap<i64, String> =
                steps.iter().map(|step| (step.0, step.2.to_owned())).collect();
            assert_eq!(numbered.len(), steps.len(), "two steps have one number");
            assert_eq!(numbered, files);
        }
    }
}
