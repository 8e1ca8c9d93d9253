#![no_main]

libfuzzer_sys::fuzz_target!(|input: properties::token::Input| input.check());
