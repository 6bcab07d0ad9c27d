//! Measures the common operations of the stores with a thousand and with a million accounts. Run it by
//! `cargo xtask bench --data`, which also starts a PostgreSQL server for it.
//!
//! The ratio of the two is the result: both are measured in turn, in one run. It fails on no number.

mod filling;
mod lab;
mod operation;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use std::{env, fs, io};

use labgate_store::Location;

use self::lab::Lab;
use self::operation::Operation;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const FEW: u32 = 1_000;
const MANY: u32 = 1_000_000;

/// Names a PostgreSQL server, in which databases are made and dropped.
const POSTGRES: &str = "LABGATE_TEST_POSTGRES_URL";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let folder = Folder::create(Path::new(env!("CARGO_TARGET_TMPDIR")).join("at-scale"))?;
    let few = Location::Sqlite(folder.0.join("few.db"));
    let many = Location::Sqlite(folder.0.join("many.db"));
    compare("SQLite", &few, &many).await?;
    match env::var(POSTGRES) {
        Ok(server) => {
            let few = filling::make_database(&server, "labgate_bench_few").await?;
            let many = filling::make_database(&server, "labgate_bench_many").await?;
            let compared = compare("PostgreSQL", &few, &many).await;
            filling::drop_database(&server, "labgate_bench_few").await?;
            filling::drop_database(&server, "labgate_bench_many").await?;
            compared?;
        }
        Err(_) => println!("\nPostgreSQL: not measured, for {POSTGRES} names no server"),
    }
    Ok(())
}

/// Measures all operations at both sizes and prints a table.
async fn compare(database: &str, few: &Location, many: &Location) -> Result<()> {
    println!("\n{database}: filling");
    let mut few = Lab::open(few, FEW).await?;
    let mut many = Lab::open(many, MANY).await?;
    println!("{database}: measuring");
    let mut times: BTreeMap<Operation, [Vec<Duration>; 2]> = BTreeMap::new();
    for operation in Operation::ALL {
        // The first round warms up: connections, statements, the upper pages of the indexes.
        for round in 0..=operation.rounds() {
            let measured = [few.measure(operation).await?, many.measure(operation).await?];
            if round > 0 {
                let known = times.entry(operation).or_default();
                known.iter_mut().zip(measured).for_each(|(known, measured)| known.push(measured));
            }
        }
    }
    few.close().await;
    many.close().await;

    println!(
        "\n{:<44} {:>13} {:>13} {:>8}   aim",
        format!("{database}, with accounts"),
        thousands(FEW),
        thousands(MANY),
        "ratio"
    );
    for (operation, [few, many]) in times {
        // Of each round, so that what else the machine does meanwhile weighs on both.
        let ratios = few.iter().zip(&many).map(|(few, many)| many.as_secs_f64() / few.as_secs_f64());
        let ratio = median(ratios.collect(), f64::total_cmp);
        let (few, many) = (median(few, Duration::cmp), median(many, Duration::cmp));
        println!(
            "{:<44} {:>13} {:>13} {:>8}   {}",
            operation.title(),
            shown(few),
            shown(many),
            format!("{ratio:.2} x"),
            operation.aim()
        );
    }
    Ok(())
}

fn median<T: Copy + Default>(mut values: Vec<T>, compare: impl FnMut(&T, &T) -> Ordering) -> T {
    values.sort_by(compare);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn shown(time: Duration) -> String {
    if time < Duration::from_millis(10) {
        format!("{:.0} µs", time.as_secs_f64() * 1e6)
    } else {
        format!("{:.0} ms", time.as_secs_f64() * 1e3)
    }
}

fn thousands(accounts: u32) -> String {
    if accounts < FEW * FEW { "1,000".to_owned() } else { "1,000,000".to_owned() }
}

/// A folder that goes with this. The name is always the same, so that a run that was killed leaves one at
/// most.
struct Folder(std::path::PathBuf);

impl Folder {
    fn create(path: std::path::PathBuf) -> io::Result<Self> {
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} is left behind: {error}", self.0.display());
        }
    }
}
