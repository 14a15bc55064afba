// SPDX-License-Identifier: BSL-1.0
//
// Asio's handlers take a result also when there is none but an error.
// expect: Asio passes a result also with an error, so this one must have a default value
#include <eap/adaptors/asio_token.hpp>

#include <boost/asio/detached.hpp>

struct number {
    explicit number(int n) : value(n) {}
    int value;
};

int main() {
    eap::async_invoke([] { return 1; }, boost::asio::detached);
#ifndef EAP_CONTROL
    eap::async_invoke([] { return number{1}; }, boost::asio::detached); // offending line
#endif
}
