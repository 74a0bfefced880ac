//! Texts of untrusted documents, made safe for what a user pastes: a shell, a Terraform file.

/// Returns a word of a shell command: itself where nothing in it means anything to a shell, else in single
/// quotes.
pub fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    // A line break would end the command where it is shown.
    let word: String = word.chars().filter(|c| !c.is_control()).collect();
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Returns a value of the AWS CLI's shorthand (`Key=value,List=[{Key=value}]`): itself where nothing in it ends
/// a value there, else in double quotes. The whole is still to be quoted for a shell.
pub fn shorthand(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    let value: String = value.chars().filter(|c| !c.is_control()).collect();
    format!("\"{}\"", value.replace('\\', r"\\").replace('"', "\\\""))
}

/// Returns a JSON document as an expression of Terraform's language, which reads templates in strings.
pub fn hcl_json(document: &str) -> String {
    document.replace("${", "$${").replace("%{", "%%{")
}

/// Returns a text as a string of Terraform's language.
pub fn hcl(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars().filter(|c| !c.is_control()) {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    // Both would begin a template.
    quoted.replace("${", "$${").replace("%{", "%%{")
}

/// Returns texts as a list of strings of Terraform's language.
pub fn hcl_list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| hcl(text)).collect();
    format!("[{}]", texts.join(", "))
}

/// Returns a text as a name of Terraform's language.
pub fn name(text: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let name: String = text.chars().map(letter).collect();
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name } else { format!("r{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_a_shell_word() {
        assert_eq!(shell("sg-0123"), "sg-0123");
        assert_eq!(shell("sg-1; rm -rf ~"), "'sg-1; rm -rf ~'");
        assert_eq!(shell("a'b$(c)\nd"), r"'a'\''b$(c)d'");
        assert_eq!(shell(""), "''");
    }

    /// Runs a script in a shell. `None` if there is no shell.
    fn sh(arguments: &[&str]) -> Option<std::process::Output> {
        std::process::Command::new("sh").args(arguments).output().ok()
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
        #[test]
        fn a_shell_reads_each_word_back_as_it_was(
            words in proptest::collection::vec("[ -~\n\t\u{1b}é\u{202e}]{0,12}|['\"\\\\$`;&|<>(){}*?!#~]{1,6}", 1..6)
        ) {
            let script = words.iter().map(|word| format!(" {}", shell(word))).collect::<String>();
            let script = format!("printf '%s\\0'{script}");
            if let Some(output) = sh(&["-c", &script]) {
                let syntax = sh(&["-n", "-c", &script]).unwrap();
                proptest::prop_assert!(syntax.status.success(), "sh -n refuses {script}");
                let clean = |word: &String| word.chars().filter(|c| !c.is_control()).collect::<String>();
                let expected: String = words.iter().map(|word| clean(word) + "\0").collect();
                proptest::prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
            }
        }
    }

    #[test]
    fn nothing_breaks_out_of_shorthand() {
        assert_eq!(shorthand("sg-0123"), "sg-0123");
        assert_eq!(
            shorthand("a}],IpRanges=[{CidrIp=0.0.0.0/0"),
            "\"a}],IpRanges=[{CidrIp=0.0.0.0/0\""
        );
        assert_eq!(shorthand("a\"b\\"), "\"a\\\"b\\\\\"");
    }

    #[test]
    fn nothing_breaks_out_of_a_terraform_string() {
        assert_eq!(hcl("sg-0123"), "\"sg-0123\"");
        assert_eq!(hcl("a\"b\\${c}%{d}$e"), "\"a\\\"b\\\\$${c}%%{d}$e\"");
        assert_eq!((name("sg-1/x"), name("10.0")), ("sg_1_x".to_owned(), "r10_0".to_owned()));
    }
}
