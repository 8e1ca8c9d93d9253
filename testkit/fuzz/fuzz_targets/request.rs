#![no_main]

libfuzzer_sys::fuzz_target!(|input: properties::request::Input| input.check());
