#![no_main]

libfuzzer_sys::fuzz_target!(|input: properties::authorization::Input| input.check());
