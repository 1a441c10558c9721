//! The script engine of one rule set: chosen packages, our words, every limit.

use std::sync::LazyLock;

use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicIteratorPackage, BasicMapPackage, BasicMathPackage, BasicStringPackage,
    LogicPackage, MoreStringPackage, Package,
};
use rhai::{Engine, OptimizationLevel, def_package};

use super::limits::{
    CALL_DEPTH_MAX, FUNCTION_NESTING_MAX, FUNCTIONS_MAX, LIST_ENTRIES_MAX, MAP_ENTRIES_MAX, NESTING_MAX, OPERATIONS_MAX,
    TEXT_BYTES_MAX, VARIABLES_MAX,
};
use super::{compare, vocabulary, watch};

def_package! {
    /// What scripts have of Rhai itself, in one module: one look-up instead of one a package.
    ScriptPackage(_module)
        : ArithmeticPackage,
          LogicPackage,
          BasicStringPackage,
          MoreStringPackage,
          BasicMathPackage,
          BasicArrayPackage,
          BasicMapPackage,
          BasicIteratorPackage
    {}
}

/// Words of Rhai that scripts shall not have: they defer, reflect or replace a symbol of ours.
const DISABLED: [&str; 9] = ["eval", "curry", "Fn", "call", "is_def_var", "is_def_fn", "is_shared", "export", "global"];

/// An engine with every word and limit.
pub(super) fn engine() -> Engine {
    // Made once: engines share its functions.
    static PACKAGE: LazyLock<ScriptPackage> = LazyLock::new(ScriptPackage::new);
    let mut engine = Engine::new_raw();
    PACKAGE.register_into_engine(&mut engine);
    engine.set_optimization_level(OptimizationLevel::Simple);
    // Operators on plain values go through the registered functions, ours first: `"9000" > 5000` is an error.
    engine.set_fast_operators(false);
    engine.set_fail_on_invalid_map_property(true);
    engine.set_allow_anonymous_fn(true);
    engine.set_allow_shadowing(true);
    engine.set_max_operations(OPERATIONS_MAX);
    engine.set_max_call_levels(CALL_DEPTH_MAX);
    engine.set_max_expr_depths(NESTING_MAX, FUNCTION_NESTING_MAX);
    engine.set_max_string_size(TEXT_BYTES_MAX);
    engine.set_max_array_size(LIST_ENTRIES_MAX);
    engine.set_max_map_size(MAP_ENTRIES_MAX);
    engine.set_max_variables(VARIABLES_MAX);
    engine.set_max_functions(FUNCTIONS_MAX);
    engine.set_max_modules(0);
    for symbol in DISABLED {
        engine.disable_symbol(symbol);
    }
    engine.on_progress(watch::progress);
    compare::register(&mut engine);
    vocabulary::register(&mut engine);
    engine
}
