#include "options.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <limits>

#include <dfrot/core/expects.hpp>
#include <dfrot/version.hpp>

#include "command_options.hpp"
#include "support/option_numbers.hpp"
#include "support/option_paths.hpp"
#include "support/processors.hpp"
#include "support/standard_output.hpp"
#include "support/visible_text.hpp"

namespace dfrot::program {

namespace {

constexpr char const* description =
    "Language models in 4 bits, from file to perplexity.\n"
    "Runs LLaMA-like models (GGUF files, or Hugging Face folders) with rotations folded into their weights,\n"
    "and with weights, activations and keys and values rounded to few bits.\n";

constexpr char const* examples =
    "Examples:\n"
    "  dfrot-llm inspect model.gguf --text wiki.txt --sequences 8 --bos 1 --plot massive.svg\n"
    "      which tokens have massive activations, in which layers and channels\n"
    "  dfrot-llm calibrate model.gguf --text wiki.txt --bos 1 --output rows\n"
    "      the norms' outputs of all layers, for dfrot-refine --input rows/attention-00.npy …\n"
    "  dfrot-llm refine model.gguf --text wiki.txt --bos 1 --output R.npy\n"
    "      a rotation of the residual stream, refined for the norms' outputs of all layers; a run that was "
    "interrupted\n"
    "      goes on where the same line is given again (--of heads: rotations of heads)\n"
    "  dfrot-llm export model.gguf --rotation R.npy --output rotated\n"
    "      the same model, rotated, as a Hugging Face folder (--output rotated.gguf: a GGUF file)\n"
    "  dfrot-llm quantize model.gguf --text wiki.txt --bos 1 --weights gptq --output w4\n"
    "      the same with weights in 4 bits, for programs that read compressed-tensors\n"
    "  dfrot-llm perplexity model.gguf --text wiki.txt --sequences 8 --bos 1 --schemes 16-16-16,16-4-16\n"
    "      the model as it is, and with activations in 4 bits, unrotated and under a randomized Hadamard\n"
    "  dfrot-llm perplexity model.gguf --ids ids.npy --bos 1 --sequences 8 --schemes 4-4-4 \\\n"
    "    --rotations hadamard,short,refined,R.npy --report r.json\n"
    "      rotations refined for the model, and one from dfrot-refine\n"
    "  dfrot-llm compare model.gguf --ids ids.npy --bos 1 --sequences 8 --formats int4,mxfp4,nvfp4 --plot all.svg\n"
    "      SmoothQuant, QuaRot, DuQuant, RRS, WUSH, SVDQuant and others on the model's own layers\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 bad input or unwritable output, 130 interrupted with Ctrl-C, 143 "
    "by\n"
    "SIGTERM, 129 by SIGHUP (what was measured so far is written; a second signal stops at once).\n";

/// Calibration sequences never overlap.
void add_stride(CLI::App& app, text_request& chosen) {
  add_integer(app, "--stride", chosen.sequences.stride, std::size_t{0}, std::size_t{1} << 24U,
              "Tokens between the beginnings of two sequences; 0: they do not overlap")
      ->capture_default_str()
      ->group("Input");
}

void add_activations(CLI::App& app, raw_texts& texts) {
  app.add_option("-o,--output", texts.output,
                 "Folder that the files go to: attention-00.npy, mlp-00.npy, … (float32, tokens x\nchannels), and "
                 "index.json with layers, sites and massive tokens")
      ->type_name("FOLDER")
      ->required()
      ->group("Output");
  app.add_option("--sites", texts.sites,
                 "What is written: inputs of linear layers, those of attention and mlp before the\nnorm's gain, or the "
                 "residual stream before the layer")
      ->delimiter(',')
      ->capture_default_str()
      ->type_name("residual|attention|output|mlp|down,...")
      ->group("Output");
}

void add_output(CLI::App& app, raw_texts& texts) {
  app.add_option("--report", texts.report, "Where the figures go, as JSON")->type_name("r.json")->group("Output");
  app.add_option("--plot", texts.plot, "Where a picture goes")->type_name("plot.svg")->group("Output");
}

/// Nothing that is read may be overwritten, and no two outputs may meet.   @param read beside model and text
void interpret_outputs(CLI::App const& app, raw_texts const& texts, std::vector<std::filesystem::path> read,
                       text_request& chosen) {
  chosen.report = path_of(app, "--report", texts.report);
  chosen.plot = path_of(app, "--plot", texts.plot);
  read.push_back(chosen.model);
  for (auto const* const path : {&chosen.text, &chosen.ids}) {
    if (*path) {
      read.push_back(**path);
    }
  }
  for (auto const* const path : {&chosen.report, &chosen.plot}) {
    for (std::filesystem::path const& input : read) {
      if (*path && same_file(**path, input)) {
        refuse(message("an output names an input, which would be overwritten: ", (*path)->string()));
      }
    }
  }
  if (chosen.report && chosen.plot && same_file(*chosen.report, *chosen.plot)) {
    refuse(message("--report and --plot name the same file: ", chosen.plot->string()));
  }
}

/// The same for the rotation that is written.
void check_output(refine_request const& chosen) {
  for (auto const& path : {std::optional(chosen.model), chosen.text, chosen.ids, chosen.report, chosen.plot}) {
    if (path && (same_file(*path, chosen.output) || same_file(*path, chosen.checkpoint()))) {
      refuse(message("--output names a file that has another use here, or whose checkpoint has: ", path->string()));
    }
  }
}

CLI::App& add_command(CLI::App& app, std::string const& name, std::string const& description_of_it) {
  CLI::App& added = *app.add_subcommand(name, description_of_it);
  added.get_formatter()->column_width(42);
  added.set_help_flag("-h,--help", "Print this help and exit");
  return added;
}

}  // namespace

command parse_options(int argument_count, char** arguments) {
  inspect_options inspect;
  calibrate_options calibrate;
  calibrate.sequences.count = 4;
  export_options folded;
  folded.sequences.count = 32;
  refine_request refine;
  refine.sequences.count = 4;
  quantize_options quantized;
  perplexity_options measure;
  compare_options compared;
  raw_texts texts;  // of whichever command is named
  inspect.threads = calibrate.threads = folded.threads = refine.threads = quantized.threads = measure.threads =
      compared.threads = usable_processors();
  CLI::App app(description, "dfrot-llm");
  app.footer(examples);
  app.get_formatter()->column_width(42);
  app.require_subcommand(1);
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.set_help_all_flag("--help-all", "Print the help of all commands and exit");
  app.set_version_flag("--version",
                       message("dfrot-llm ", DFROT_VERSION_MAJOR, ".", DFROT_VERSION_MINOR, ".", DFROT_VERSION_PATCH),
                       "Print the version and exit");
  std::string const from_beginning = "Sequences from the beginning of the text, at most; 0: all";
  CLI::App& inspecting = add_command(app, "inspect", "Massive activations, by layer and site");
  add_input(inspecting, inspect, texts, from_beginning);
  add_stride(inspecting, inspect);
  add_output(inspecting, texts);
  CLI::App& calibrating =
      add_command(app, "calibrate", "Activations as files, such as dfrot-refine reads, by layer and site");
  add_input(calibrating, calibrate, texts, "Sequences from the end of the text");
  add_activations(calibrating, texts);
  CLI::App& exporting = add_command(app, "export", "A model with its rotation in the weights, for other programs");
  add_export(exporting, folded, texts);
  CLI::App& refining = add_command(app, "refine", "A rotation of the residual stream, refined for a model and a text");
  add_input(refining, refine, texts, "Sequences from the end of the text");
  add_refine(refining, refine, texts);
  add_output(refining, texts);
  CLI::App& quantizing =
      add_command(app, "quantize", "A model with weights in 4 bits, as a folder in the layout of compressed-tensors");
  add_quantize(quantizing, quantized, texts);
  CLI::App& measuring = add_command(app, "perplexity", "Perplexity, and KL to the exact model, by rotation and scheme");
  add_input(measuring, measure, texts, from_beginning);
  add_stride(measuring, measure);
  add_method(measuring, measure, texts);
  add_output(measuring, texts);
  CLI::App& comparing =
      add_command(app, "compare", "Methods of the field side by side: errors, perplexity, KL and cost");
  add_input(comparing, compared, texts, from_beginning);
  comparing.get_option("MODEL")->required(false);
  add_compare(comparing, compared, texts);
  add_output(comparing, texts);
  try {
    app.parse(argument_count, arguments);
    if (inspecting.parsed()) {
      interpret_texts(inspecting, texts, inspect);
      interpret_outputs(inspecting, texts, {}, inspect);
      return inspect;
    }
    if (calibrating.parsed()) {
      interpret_texts(calibrating, texts, calibrate);
      calibrate.folder = *path_of(calibrating, "--output", texts.output);
      calibrate.sites = interpret_sites(
          texts.sites, {site::residual, site::attention, site::output, site::mlp, site::down}, "--sites");
      if (calibrate.sequences.count == 0) {
        refuse("--sequences: 0; calibration takes at least one");
      }
      return calibrate;
    }
    if (exporting.parsed()) {
      interpret_export(exporting, texts, folded);
      return folded;
    }
    if (refining.parsed()) {
      interpret_texts(refining, texts, refine);
      interpret_refine(refining, texts, refine);
      interpret_outputs(refining, texts, {}, refine);
      check_output(refine);
      return refine;
    }
    if (quantizing.parsed()) {
      interpret_quantize(quantizing, texts, quantized);
      return quantized;
    }
    if (comparing.parsed()) {
      interpret_compare(comparing, texts, compared);
      std::vector<std::filesystem::path> of_comparison;
      for (auto const& path : {compared.rows, compared.weight, compared.calibration_ids}) {
        if (path) {
          of_comparison.push_back(*path);
        }
      }
      interpret_outputs(comparing, texts, std::move(of_comparison), compared);
      return compared;
    }
    interpret_texts(measuring, texts, measure);
    interpret_method(measuring, texts, measure);
    std::vector<std::filesystem::path> read(measure.rotations.begin(), measure.rotations.end());
    for (auto const& path : {measure.calibration_ids, measure.heads}) {
      if (path) {
        read.push_back(*path);
      }
    }
    interpret_outputs(measuring, texts, std::move(read), measure);
    return measure;
  } catch (CLI::CallForHelp const&) {
    write_standard_output(app.help());  // of the command, where one was named
    return int{done};
  } catch (CLI::CallForAllHelp const&) {
    write_standard_output(app.help("", CLI::AppFormatMode::All));
    return int{done};
  } catch (CLI::CallForVersion const& version) {
    write_standard_output(message(version.what(), "\n"));
    return int{done};
  } catch (CLI::ParseError const& error) {
    std::fprintf(stderr, "dfrot-llm: %s (dfrot-llm --help-all lists the options)\n",
                 visible_text(error.what()).c_str());
    return int{wrong_usage};
  }
}

}  // namespace dfrot::program
