//! S004: a misspelt setting is silently ignored in a dictionary. A field must exist.

use squall::web::Settings;

fn main() {
    let _ = Settings { templates_path: Some("templates".into()), ..Settings::default() };
}
