"""An earlier form of `ir`, which the compiler still reads."""
