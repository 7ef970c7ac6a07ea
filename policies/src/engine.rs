//! The one CEL environment that all expressions share.

use std::sync::{Arc, LazyLock};

use cel::{Env, extensions};

use crate::budget;

/// The standard library with optional values, the string and math extensions, and the functions that charge. The list
/// extension is left out: `lists.range(n)` makes a list of any length out of a number.
pub(crate) static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut environment = Env::stdlib();
    // Fails only for a name that is declared twice; the tests call every function.
    for declared in [
        environment.add_extension(extensions::strings),
        environment.add_extension(extensions::math),
        budget::declare(&mut environment),
    ] {
        debug_assert!(declared.is_ok(), "{declared:?}");
    }
    Arc::new(environment)
});
