// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "import/family.hpp"

namespace sigprop::importer {

const std::vector<std::string>& idle_keys() {
  static const std::vector<std::string> names = {
      // Who wrote the file, and how.
      "model_type",
      "_name_or_path",
      "name_or_path",
      "architectures",
      "auto_map",
      "transformers_version",
      "_commit_hash",
      "torch_dtype",
      "dtype",
      "torchscript",
      "use_bfloat16",
      "quantization_config",
      "attn_implementation",
      "_attn_implementation",
      "_attn_implementation_autoset",
      "tf_legacy_loss",
      // The tokens' numbers and the tokenizer.
      "bos_token_id",
      "eos_token_id",
      "pad_token_id",
      "sep_token_id",
      "cls_token_id",
      "mask_token_id",
      "unk_token_id",
      "decoder_start_token_id",
      "tokenizer_class",
      "prefix",
      // What is returned, kept and computed in pieces.
      "return_dict",
      "output_hidden_states",
      "output_attentions",
      "output_past",
      "use_cache",
      "chunk_size_feed_forward",
      "gradient_checkpointing",
      "keys_to_ignore_at_inference",
      // The head behind the model, its loss, and the decoding of text.
      "tie_word_embeddings",
      "tie_last_hidden_states",
      "num_labels",
      "id2label",
      "label2id",
      "problem_type",
      "classifier_dropout",
      "finetuning_task",
      "task_specific_params",
      "max_length",
      "min_length",
      "do_sample",
      "early_stopping",
      "num_beams",
      "num_beam_groups",
      "diversity_penalty",
      "temperature",
      "top_k",
      "top_p",
      "typical_p",
      "repetition_penalty",
      "length_penalty",
      "no_repeat_ngram_size",
      "encoder_no_repeat_ngram_size",
      "bad_words_ids",
      "num_return_sequences",
      "output_scores",
      "return_dict_in_generate",
      "forced_bos_token_id",
      "forced_eos_token_id",
      "remove_invalid_values",
      "exponential_decay_length_penalty",
      "suppress_tokens",
      "begin_suppress_tokens",
      "is_decoder",
  };
  return names;
}

const std::vector<Limit>& common_limits() {
  static const std::vector<Limit> limits = {
      {"add_cross_attention", Kind::flag, false, {false}, "written without cross-attention"},
      {"cross_attention_hidden_size", Kind::size, nullptr, {nullptr}, "written without cross-attention"},
      {"is_encoder_decoder", Kind::flag, false, {false}, "written as one stack"},
      {"tie_encoder_decoder", Kind::flag, false, {false}, "written with weights of their own"},
      {"pruned_heads",
       Kind::anything,
       Json::object(),
       {Json::object(), Json::array(), nullptr},
       "written with all heads"},
  };
  return limits;
}

const Family* family_named(const std::string& type) {
  const auto found =
      std::find_if(families().begin(), families().end(), [&](const Family& family) { return family.type == type; });
  return found == families().end() ? nullptr : &*found;
}

}  // namespace sigprop::importer
