# What surrounds the model in dfrot-llm: text to token ids and sequences, schemes by name, reports. A library, so that tests
# link it, too. Sets dfrot_llm_text_missing to what it lacks where it cannot be built.
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(DFROT_PCRE2 QUIET IMPORTED_TARGET libpcre2-8>=10.40)
endif()
find_package(nlohmann_json QUIET)
set(dfrot_llm_text_missing "")
if(NOT TARGET PkgConfig::DFROT_PCRE2 OR NOT nlohmann_json_FOUND)
  set(dfrot_llm_text_missing "PCRE2 10.40 and nlohmann_json (Debian: apt-get install pkgconf libpcre2-dev nlohmann-json3-dev)")
elseif(NOT TARGET dfrot_llm_text)
  set(text_sources bit_scheme byte_pairs gguf_vocabulary perplexity_plot perplexity_report piece_scores pre_tokenizer
    regular_expression text_source token_ids tokenizer tokenizer_json)
  list(TRANSFORM text_sources PREPEND "${CMAKE_CURRENT_LIST_DIR}/")
  list(TRANSFORM text_sources APPEND ".cpp")
  add_library(dfrot_llm_text STATIC EXCLUDE_FROM_ALL ${text_sources})
  target_link_libraries(dfrot_llm_text PUBLIC dfrot_program_support
    PRIVATE nlohmann_json::nlohmann_json PkgConfig::DFROT_PCRE2)
  dfrot_own_target(dfrot_llm_text)
endif()
