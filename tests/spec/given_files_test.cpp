// SPDX-License-Identifier: Apache-2.0
// Token ids and products of tokens in files that a spec names.
#include <catch2/catch.hpp>
#include <fstream>

#include "sigprop/spec/read.hpp"
#include "sigprop/spec/write.hpp"
#include "support/spec.hpp"
#include "support/temporary.hpp"

namespace {

using namespace sigprop;
using nlohmann::json;

const std::string folder = SIGPROP_SOURCE "/tests/data/given/";

json of_words(const json& words, std::size_t length = 4, std::size_t batch = 1) {
  json spec = test::small_stack();
  spec["sequence_length"] = length;
  spec["batch"] = batch;
  spec["input"] = {{"embedding", {{"vocabulary", 9}, {"tables", {"token"}}, {"std", 1}, {"words", words}}}};
  return spec;
}

json of_products(const std::string& file, std::size_t length = 4) {
  json spec = test::small_stack();
  spec["sequence_length"] = length;
  spec["input"] = {{"gram", file}};
  return spec;
}

spec::ReadResult read(const json& spec, const std::string& in = folder) {
  return spec::read_text(test::text_of(spec), "a.json", in);
}

/// The only message, without the spec's name.
std::string message(const json& spec, const std::string& in = folder) {
  const spec::ReadResult result = read(spec, in);
  CHECK_FALSE(result.network);
  REQUIRE(result.errors.size() == 1);
  REQUIRE(result.errors.front().starts_with("a.json: "));
  return result.errors.front().substr(8);
}

/// A file in the folder of temporary ones that goes with the object.
class Written {
 public:
  explicit Written(const std::string& text) : path(test::own_path("given")) {
    std::ofstream(path, std::ios::binary) << text;
  }
  ~Written() { std::filesystem::remove(path); }
  Written(const Written&) = delete;
  Written& operator=(const Written&) = delete;

  std::string path;
};

std::string fault_of_words(const std::string& text, std::size_t length = 4, std::size_t batch = 1) {
  const Written file(text);
  const std::string all = message(of_words({{"file", file.path}}, length, batch));
  const std::string place = "/input/embedding/words/file: " + file.path;
  REQUIRE(all.starts_with(place));
  return all.substr(place.size());
}

std::string fault_of_products(const std::string& text, std::size_t length) {
  const Written file(text);
  const std::string all = message(of_products(file.path, length)), place = "/input/gram: " + file.path + ": ";
  REQUIRE(all.starts_with(place));
  return all.substr(place.size());
}

TEST_CASE("token ids are read from JSON, NumPy's arrays and lines") {
  for (const char* file : {"ids.json", "ids_i8.npy", "ids_u2_fortran.npy", "ids.txt"}) {
    INFO(file);
    const spec::ReadResult result = read(of_words({{"file", file}}));
    REQUIRE(result.network);
    const auto& text = std::get<network::Embedding>(result.network->source).text;
    REQUIRE(text);
    CHECK(text->sequences == std::vector<std::vector<std::uint32_t>>{{0, 1, 2, 1}, {3, 3, 3, 4}, {5, 6, 7, 8}});
    CHECK(text->match == Approx(4 / 18.0));
    CHECK(result.files == std::vector<std::string>{folder + file});
  }
}

TEST_CASE("one list of ids is cut into sequences, and of long ones only the beginning counts") {
  const auto flat = read(of_words({{"file", "ids_flat_i4.npy"}}, 3));
  CHECK(std::get<network::Embedding>(flat.network->source).text->sequences ==
        std::vector<std::vector<std::uint32_t>>{{0, 1, 2}, {1, 3, 3}, {3, 4, 5}});
  const auto longer = read(of_words({{"file", "ids.json"}}, 3));
  CHECK(std::get<network::Embedding>(longer.network->source).text->match == Approx(3 / 9.0));
}

TEST_CASE("a relative name lies beside the spec") {
  const Written spec(test::text_of(of_words({{"file", "ids.json"}})));
  CHECK_FALSE(spec::read_file(spec.path).network);
  CHECK(read(of_words({{"file", "given/ids.json"}}), SIGPROP_SOURCE "/tests/data/").network);
  CHECK(spec::folder_of("a/b.json") == "a/");
  CHECK(spec::folder_of("/b.json") == "/");
  CHECK(spec::folder_of("b.json").empty());
}

TEST_CASE("a file of ids that cannot be used is refused with its place, and not shown") {
  CHECK(message(of_words({{"file", "absent.json"}}), "no/") ==
        "/input/embedding/words/file: no/absent.json: cannot be read: No such file or directory");
  CHECK(message(of_words({{"file", "/dev/zero"}})) == "/input/embedding/words/file: /dev/zero: is no regular file");
  CHECK(fault_of_words("root:x:0:0:root\n") == ": line 1, entry 1 is no token id");
  CHECK(fault_of_words("1 2 3 4\n1 2 -3 4\n") == ": line 2, entry 3 is no token id");
  CHECK(fault_of_words("1 2 3 4\n1 2.5 3 4\n") == ": line 2, entry 2 is no token id");
  CHECK(fault_of_words(" \n") == ": holds no token ids");
  CHECK(fault_of_words("[[1, 2, 3, 4], [1, 2]]") ==
        ": sequence 2 has 2 tokens, but must have at least 4, sequence_length: lower that, or leave the sequence out");
  CHECK(fault_of_words("[1, 2, 3]") == ": holds 3 token ids, but must hold at least 4, sequence_length: lower that");
  CHECK(fault_of_words("[[1, 2, 3, 9]]") ==
        ": sequence 1, token 4 is 9, but must be a token id from 0 to 8, below the vocabulary: raise that to the "
        "tokenizer's");
  CHECK(fault_of_words("[[1, 2, 3.5, 0]]") ==
        ": sequence 1, token 3 is 3.5, but must be a token id from 0 to 8, below the vocabulary: raise that to the "
        "tokenizer's");
  CHECK(fault_of_words("[[1, 2, \"x\", 0]]") == ": entry 1, number 3 is no number");
  CHECK(fault_of_words("[[1, 2], 3]") == ": entry 2 is no list, as entry 1 is");
  CHECK(fault_of_words("{\"ids\": []}") == ": is no list, or an empty one");
  CHECK(fault_of_words("[1, 2") == ": is no JSON, or not such as a spec may be");
  CHECK(fault_of_words("\x93NUMPY\x01") == ": is no NumPy array that can be read: it does not begin as one");
  CHECK(fault_of_words("[[1, 2, 3, 4]]", 4, 2) ==
        " has 1 sequences, but must have at least 2, the batch: lower that, or add sequences");
}

TEST_CASE("a match needs a token table and a vocabulary that can have it") {
  json spec = of_words({{"match", 0.2}});
  const spec::ReadResult result = read(spec);
  const auto& embedding = std::get<network::Embedding>(result.network->source);
  CHECK(embedding.match == 0.2);
  CHECK(network::ZipfLaw(9, embedding.exponent).match() == Approx(0.2).epsilon(1e-8));
  CHECK(message(of_words({{"match", 0.1}})) ==
        "/input/embedding/words/match is 0.1, but must be at least 0.1111111111111111, 1/vocabulary: so many words "
        "match as often even where all are as frequent");
  CHECK(message(of_words({{"match", 1}})) ==
        "/input/embedding/words/match is 1, but must be a number in (0, 1) (for example 0.02)");
  spec["input"]["embedding"]["tables"] = {"position"};
  CHECK(message(spec) ==
        "/input/embedding/words is given, but /input/embedding/tables has no token: remove it or add the table");
  CHECK(std::get<network::Embedding>(read(of_words({{"law", "zipf"}})).network->source).match == std::nullopt);
}

TEST_CASE("products of tokens are read from JSON and NumPy's arrays") {
  for (const char* file : {"gram.json", "gram_f8.npy", "gram_f4.npy"}) {
    INFO(file);
    const spec::ReadResult result = read(of_products(file));
    REQUIRE(result.network);
    const auto& given = std::get<network::GivenInput>(result.network->source);
    REQUIRE(given.gram);
    CHECK(given.variance == Approx((1 + 1.25 + 1.25 + 4.04) / 4));
    CHECK(given.variance * given.token_correlation == Approx((0.5 + 0.5 + 1.25 + 0.2 + 0.2) / 6));
    CHECK(result.files == std::vector<std::string>{folder + file});
  }
}

TEST_CASE("products that cannot be used are refused with their place") {
  CHECK(fault_of_products("[[1, 0], [0, 1]]", 3) ==
        "rows: 2, but must have 3, sequence_length: set that to the file's");
  CHECK(fault_of_products("[[1, 0, 0], [0, 1]]", 2) ==
        "numbers in row 1: 3, but must have 2, sequence_length: set that to the file's");
  CHECK(fault_of_products("[1, 0, 0, 1]", 2) == "is one list, but must be rows of products");
  CHECK(fault_of_products("1 0\n0 1\n", 2) == "is no JSON, or not such as a spec may be");
  CHECK(
      fault_of_products("[[1, 2], [2, 1]]", 2) ==
      "row 1, column 2 is 2, but must be at most the root of both tokens' second moments; write the mean over features "
      "of x_i x_j there");
}

TEST_CASE("an expanded spec names the files again") {
  const auto expanded = [](const json& spec) {
    return test::parsed(spec::expanded_text(*read(spec).network, "[]")).at("input");
  };
  CHECK(expanded(of_words({{"file", "ids.json"}})).at("embedding").at("words") == json{{"file", "ids.json"}});
  CHECK(expanded(of_words({{"match", 0.2}})).at("embedding").at("words") == json{{"match", 0.2}});
  CHECK(expanded(of_products("gram.json")) == json{{"gram", "gram.json"}});
}

}  // namespace
