use labgate_domain::people::Role;

use super::*;

const BCRYPT: &str = "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";

/// Returns the errors of a CSV file, by line.
fn wrong(text: &str) -> Vec<(u64, String)> {
    problems(csv_rows::parse(text))
}

fn problems(parsed: Parsed) -> Vec<(u64, String)> {
    parsed.problems.into_iter().map(|Problem { line, problem }| (line, problem)).collect()
}

#[test]
fn columns_may_have_any_order_and_fields_are_quoted_as_in_rfc_4180() {
    let text = format!(
        "Role, email,name,password_hash,username\r\n\
         admin,Ada@Example.com,\"Lovelace, \"\"Ada\"\"\",{BCRYPT},ada\r\n\
         \r\n\
         ,grace@example.com,,,\r\n"
    );
    let parsed = csv_rows::parse(&text);
    assert_eq!(parsed.problems, []);
    let [ada, grace] = &*parsed.rows else { panic!("{parsed:?}") };
    assert_eq!((ada.line, ada.username.as_deref(), ada.role), (2, Some("ada"), Role::Admin));
    assert_eq!(ada.email.as_ref().unwrap().as_str(), "ada@example.com");
    assert_eq!(ada.name.as_ref().unwrap().as_str(), "Lovelace, \"Ada\"");
    assert_eq!(ada.hash.as_ref().unwrap().expose(), BCRYPT);
    assert_eq!((grace.line, grace.username.as_deref(), grace.role), (4, None, Role::User));
    assert!(grace.hash.is_none() && grace.name.is_none());
}

#[test]
fn lines_are_counted_as_an_editor_counts_them() {
    for end in ["\n", "\r\n"] {
        let text = ["", "username,name", "", "", "a,\"x", "y\"", "b,", "c", "", "d,x,y"].join(end);
        let lines: Vec<u64> = wrong(&text).into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [5, 8, 10], "{end:?}");
    }
}

#[test]
fn a_column_that_is_unknown_is_named() {
    let found = wrong("username,shoe size,password,username,\u{1b}[2J\nada,1,2,3,4\n");
    let told: Vec<_> = found.iter().map(|(line, problem)| (*line, &**problem)).collect();
    let known = "known are username, email, name, role, groups, password_hash";
    assert_eq!(told.len(), 4, "{told:?}");
    assert_eq!(told[0], (1, &*format!("the column shoe size is unknown: {known}")));
    assert!(told[1].1.contains("plain passwords"), "{told:?}");
    assert_eq!(told[2].1, "the column username is there twice");
    assert_eq!(told[3].1, format!("the column in place 5 is unknown: {known}"));
    assert!(wrong("name,role\nAda,user\n")[0].1.contains("neither a column username nor a column email"));
    assert!(wrong("")[0].1.contains("missing"));
}

#[test]
fn a_row_in_place_of_the_names_is_not_repeated() {
    for text in ["ada,planted\n".to_owned(), format!("ada,{BCRYPT}\n")] {
        let found = wrong(&text);
        assert_eq!(found.len(), 1);
        assert!(found[0].1.contains("does not name the columns"), "{found:?}");
        assert!(!found[0].1.contains("planted") && !found[0].1.contains("$2y$"), "{found:?}");
    }
}

#[test]
fn what_is_wrong_with_rows_is_told_by_line() {
    let found = wrong(
        "username,email,role,password_hash\n\
         a,nobody,user,\n\
         b,,root,\n\
         c,,\n\
         d,,,planted\n\
         e,,,\"$2y$\n\
         f,,,\n",
    );
    let told: Vec<_> = found.iter().map(|(line, problem)| (*line, &**problem)).collect();
    assert_eq!(
        told,
        [
            (2, "the e-mail address is not one"),
            (3, "the role is neither user nor admin"),
            (4, "there are 3 fields for 4 columns"),
            (
                5,
                "the password is kept as plain text, or by an unknown scheme: \
                 only bcrypt ($2y$, $2b$, $2a$) and Argon2id ($argon2id$) are supported"
            ),
            (
                6,
                "a line break or another control character stands in password_hash: \
                 is a quotation mark missing?"
            ),
        ]
    );
}

#[test]
fn groups_are_local_ones_separated_by_commas() {
    let longest = (0..65).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
    let unseen = '\u{202e}';
    let text = format!(
        "username,groups\n\
         ada,\"staff, GPU users,staff\"\n\
         bob,gpu\n\
         eve,\n\
         mal,\"planted,,\"\n\
         sam,planted{unseen}\n\
         tom,\"{longest}\"\n"
    );
    let parsed = csv_rows::parse(&text);
    let groups: Vec<String> = parsed.rows.iter().map(|row| row.groups.to_string()).collect();
    assert_eq!(groups, ["GPU users, staff", "gpu", ""]);
    assert!(parsed.rows.iter().all(|row| row.role == Role::User), "a group gives no role");
    let found = problems(parsed);
    let rule = "a group is not one: a group has 1 to 64 visible characters, and no comma".to_owned();
    let expected = [(5, rule.clone()), (6, rule), (7, "there are more than 64 local groups".to_owned())];
    assert_eq!(found, expected);
}

#[test]
fn lines_of_htpasswd_are_names_and_hashes() {
    let argon2id = "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA";
    let text = format!("# people\n\nada:{BCRYPT}\r\n  \ngrace@example.com:{argon2id}\n");
    let parsed = htpasswd::parse(&text);
    assert_eq!(parsed.problems, []);
    let [ada, grace] = &*parsed.rows else { panic!("{parsed:?}") };
    assert_eq!((ada.line, ada.username.as_deref()), (3, Some("ada")));
    assert_eq!(ada.hash.as_ref().unwrap().expose(), BCRYPT);
    assert_eq!((grace.line, &grace.username), (5, &None));
    assert_eq!(grace.email.as_ref().unwrap().as_str(), "grace@example.com");
    assert_eq!(grace.hash.as_ref().unwrap().expose(), argon2id);
}

#[test]
fn other_schemes_are_named_and_never_shown() {
    for (hash, scheme) in [
        ("{SHA}plantedAAAA=", "SHA-1 ({SHA})"),
        ("{SSHA}plantedAAAA=", "salted SHA-1 ({SSHA})"),
        ("$apr1$planted$x", "MD5 ($apr1$)"),
        ("$1$planted$x", "MD5 ($1$)"),
        ("$5$planted$x", "SHA-256 ($5$)"),
        ("$6$planted$x", "SHA-512 ($6$)"),
        ("$y$planted$x", "yescrypt ($y$)"),
        ("$2x$04$planted", "an old, broken bcrypt ($2x$)"),
        ("$argon2i$planted", "Argon2i"),
        ("plantedAAAAAA", "crypt (DES), or plain text"),
        ("$planted$", "an unknown scheme"),
        ("planted secret", "plain text, or by an unknown scheme"),
        ("", "plain text, or by an unknown scheme"),
    ] {
        let found = problems(htpasswd::parse(&format!("#\nada:{hash}\n")));
        let [(2, problem)] = &*found else { panic!("{found:?}") };
        assert!(problem.contains(&format!("is kept as {scheme}:")), "{problem}");
        assert!(!problem.contains("planted"), "{problem}");
    }
    let found = problems(htpasswd::parse("planted\na@b@c:$2y$x\n"));
    assert!(found[0].1.contains("no colon") && !found[0].1.contains("planted"), "{found:?}");
    assert!(found[1].1.contains("neither a username nor"), "{found:?}");
}

#[test]
fn the_name_of_the_file_tells_its_format_or_nothing_does() {
    let format = |name: &str| import_file::format_of(None, name.as_ref()).map_err(|error| error.to_string());
    for (name, expected) in [
        ("people.csv", Format::Csv),
        ("dir.htpasswd/People.CSV", Format::Csv),
        ("lab.htpasswd", Format::Htpasswd),
        (".htpasswd", Format::Htpasswd),
        ("/etc/nginx/htpasswd", Format::Htpasswd),
    ] {
        assert_eq!(format(name), Ok(expected), "{name}");
    }
    for name in ["people.txt", "csv", "people", "htpasswd.bak", "-"] {
        assert!(format(name).unwrap_err().contains("--format csv or --format htpasswd"), "{name}");
    }
    let stated = import_file::format_of(Some(Format::Htpasswd), "people.csv".as_ref());
    assert_eq!(stated.unwrap(), Format::Htpasswd);
}

#[test]
fn of_many_errors_twenty_are_listed() {
    let problem = |line| Problem { line, problem: "wrong".to_owned() };
    let tally = |count| Tally { problems: (1..=count).map(problem).collect(), ..Tally::default() };
    let told = tally(20).errors().unwrap();
    assert!(told.starts_with("20 errors, and nothing is imported:\nline 1: wrong\n"), "{told}");
    assert!(told.ends_with("line 20: wrong"), "{told}");
    let told = tally(23).errors().unwrap();
    assert!(told.ends_with("line 20: wrong\nand 3 more"), "{told}");
    assert_eq!(tally(23).json(false)["errors"].as_array().unwrap().len(), 23);
    assert_eq!(tally(0).errors(), None);
}
