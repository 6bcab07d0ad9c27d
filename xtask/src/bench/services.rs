//! `cargo xtask bench --services`: what services, their rules and what they are told add to a check.

use std::fmt::Write as _;

use anyhow::Result;

use super::load::Load;
use super::{ROUNDS, measured, median, sign_in};
use crate::lab::{self, Lab, Places};
use crate::net;
use crate::process::{Log, Server};
use crate::workspace::{self, Profile};

const RULES: [usize; 3] = [1, 100, 10_000];

pub(super) fn run() -> Result<()> {
    let programs = workspace::build(Profile::Release)?;
    let folder = workspace::scratch("bench")?;
    lab::empty(&folder)?;
    println!(
        "{:<54} {:>12} {:>12}   aim",
        "a check with a target, against an empty response", "requests/s", "CPU time"
    );
    for rules in RULES {
        let places = Places::fresh(folder.join(format!("services-{rules}")))?;
        // The first start makes the keys, and a sign-in the session.
        let cookie = {
            let _lab = Lab::start(&programs, &places, Some(&folder))?;
            sign_in::once(&places)?
        };
        let file = folder.join(format!("services-{rules}.toml"));
        std::fs::write(&file, configuration(&places, rules)?)?;
        let mut labgate = lab::labgate_command(&programs, &places);
        labgate.arg("--config").arg(&file);
        let log = folder.join("labgate-services.log");
        let mut server = Server::start("labgate", &labgate, &Log::File(&log))?;
        server.wait_until(lab::START_LIMIT, || net::answers(places.lab_port, "/healthz"))?;

        let empty = Load::new(places.lab_port, "/healthz", None);
        let host = places.lab_url().trim_start_matches("http://").to_owned();
        let check = Load::with_headers(
            places.lab_port,
            "/api/auth/check/caddy",
            &format!(
                "cookie: {cookie}\r\nx-forwarded-host: {host}\r\nx-forwarded-method: GET\r\n\
             x-forwarded-uri: /app/notebooks/deep/in/here?a=b\r\n"
            ),
        );
        empty.run()?;
        check.run()?;
        let (mut rates, mut cpus) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (empty_rate, empty_cpu) = measured(server.id(), &empty)?;
            let (check_rate, check_cpu) = measured(server.id(), &check)?;
            rates.push(check_rate / empty_rate);
            cpus.push(check_cpu.as_secs_f64() / empty_cpu.as_secs_f64());
        }
        let (rate, cpu) = (median(rates), median(cpus));
        let what = format!("with identity headers, an assertion and {rules} rules");
        println!("{what:<54} {:>12} {:>12}   at least 0.85 x", format!("{rate:.2} x"), format!("{cpu:.2} x"));
    }
    Ok(())
}

fn configuration(places: &Places, rules: usize) -> Result<String> {
    let mut file = format!(
        "trusted_proxies = [\"127.0.0.1\"]\n[[service]]\nid = \"app\"\nname = \"App\"\nurl = \"{}/app\"\n\
         runs_user_code = false\n",
        places.lab_url()
    );
    for rule in 0..rules {
        write!(file, "[[service.rule]]\npath = \"/app/{rule}/*\"\nallow_groups = [\"group-{rule}\"]\n")?;
    }
    Ok(file)
}
