# SPDX-License-Identifier: Apache-2.0
# Text that is defined in one place and read by the program: the formulas' head comments, the table
# of model types, and what a report's page carries.
set(SIGPROP_GENERATED ${PROJECT_BINARY_DIR}/generated)

# The table of model types, by CMake alone: a library without reports needs no Python. In pieces, as
# no compiler has to take longer literals.
set(SIGPROP_MODEL_TYPES ${PROJECT_SOURCE_DIR}/src/import/model_types.json)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${SIGPROP_MODEL_TYPES})
file(READ ${SIGPROP_MODEL_TYPES} text)
string(LENGTH "${text}" length)
set(literals "constexpr const char* model_type_rows =")
foreach(first RANGE 0 ${length} 8000)
  string(SUBSTRING "${text}" ${first} 8000 piece)
  string(APPEND literals "\nR\"~~~(${piece})~~~\"")
endforeach()
file(WRITE ${SIGPROP_GENERATED}/model_types.new "${literals};\n")
configure_file(${SIGPROP_GENERATED}/model_types.new ${SIGPROP_GENERATED}/model_types.inc COPYONLY)

if(SIGPROP_REPORT)
  file(GLOB SIGPROP_FORMULA_HEADERS CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/sigprop/formula/*.hpp)
  add_custom_command(
    OUTPUT ${SIGPROP_GENERATED}/formula_catalog.inc
    COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tools/formula_catalog.py
            --output ${SIGPROP_GENERATED}/formula_catalog.inc ${SIGPROP_FORMULA_HEADERS}
    DEPENDS ${PROJECT_SOURCE_DIR}/tools/formula_catalog.py ${SIGPROP_FORMULA_HEADERS}
    COMMENT "Reading the formulas' head comments")

  set(SIGPROP_PAGE ${PROJECT_SOURCE_DIR}/src/report/page)
  add_custom_command(
    OUTPUT ${SIGPROP_GENERATED}/page_texts.inc
    COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tools/embed_text.py --output ${SIGPROP_GENERATED}/page_texts.inc
            page_css=${SIGPROP_PAGE}/page.css page_js=${SIGPROP_PAGE}/page.js
            chart_js=${SIGPROP_CHART_JS} chart_licence=${SIGPROP_PAGE}/chart_licence.txt
    DEPENDS ${PROJECT_SOURCE_DIR}/tools/embed_text.py ${SIGPROP_PAGE}/page.css ${SIGPROP_PAGE}/page.js ${SIGPROP_CHART_JS}
            ${SIGPROP_PAGE}/chart_licence.txt
    COMMENT "Reading the texts of a report's page")
  # For tools that read sources without building them.
  add_custom_target(sigprop_generated DEPENDS ${SIGPROP_GENERATED}/formula_catalog.inc ${SIGPROP_GENERATED}/page_texts.inc)
  add_dependencies(sigprop_words sigprop_generated)
endif()
target_include_directories(sigprop_words PRIVATE ${SIGPROP_GENERATED})
