// SPDX-License-Identifier: BSL-1.0
//
// The work takes the parameters that the signature names, with the operation before them or without it.
// expect: the work of an async_method must be callable as work\(operation, arguments\.\.\.\) or as work\(arguments\.\.\.\)
#include <eap/async_method.hpp>

#include <string>

int main() {
    using operation = eap::async_operation<int>;
    const eap::async_method<int(std::string)> with_operation{
        [](operation&, const std::string&) { return 1; }};
    const eap::async_method<int(std::string)> without{[](const std::string&) { return 1; }};
#ifndef EAP_CONTROL
    const eap::async_method<int(std::string)> wrong{[](int) { return 1; }}; // offending line
#endif
}
