// An exported model as a Hugging Face folder: config.json beside safetensors.

#include <filesystem>
#include <vector>

#include <dfrot/io/atomic_file.hpp>
#include <dfrot/io/safetensors_writer.hpp>

#include "folder_document.hpp"
#include "make_folder.hpp"
#include "model_sink.hpp"

namespace dfrot::program {

namespace {

class folder_sink : public model_sink {
 public:
  folder_sink(export_options const& chosen, model_source const& source)
      : chosen_(chosen),
        is_folder_(std::filesystem::is_directory(chosen.model)),
        document_(config_document(source, chosen.model)),
        out_(chosen.output / "model.safetensors", {{"format", "pt"}}, chosen.most_bytes) {
    document_["torch_dtype"] = name_of(chosen.type);
    if (document_.contains("dtype")) {  // its name since Transformers 5
      document_["dtype"] = name_of(chosen.type);
    }
    make_folder(chosen.output);
    atomic_file::check_writable(chosen.output / "config.json");
    for (tensor_id const id : exported_tensors(source)) {
      tensor_shape const shape = shape_of(source.config(), id.role);
      out_.declare(folder_tensor_name(id), stored_as(chosen.type),
                   shape.rows == 1 ? std::vector<std::uint64_t>{shape.columns}
                                   : std::vector<std::uint64_t>{shape.rows, shape.columns});
    }
  }

  void write(tensor_id id, matrix_view<float const> rows) override { out_.write_rows(folder_tensor_name(id), rows); }

  void commit() override {
    out_.commit();
    if (is_folder_) {
      copy_tokenizer(chosen_.model, chosen_.output);
    }
    atomic_file config(chosen_.output / "config.json");
    config.write(document_.dump(2) + "\n");
    config.commit();
  }

 private:
  export_options const& chosen_;
  bool is_folder_;
  nlohmann::ordered_json document_;
  safetensors_writer out_;
};

}  // namespace

std::unique_ptr<model_sink> make_folder_sink(export_options const& chosen, model_source const& source) {
  return std::make_unique<folder_sink>(chosen, source);
}

}  // namespace dfrot::program
