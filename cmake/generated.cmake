# SPDX-License-Identifier: Apache-2.0
# Text that is defined in one place and read by the program: the formulas' head comments, the table
# of model types, and what a report's page carries.
set(SIGPROP_GENERATED ${PROJECT_BINARY_DIR}/generated)
file(GLOB SIGPROP_FORMULA_HEADERS CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/sigprop/formula/*.hpp)
add_custom_command(
  OUTPUT ${SIGPROP_GENERATED}/formula_catalog.inc
  COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tools/formula_catalog.py
          --output ${SIGPROP_GENERATED}/formula_catalog.inc ${SIGPROP_FORMULA_HEADERS}
  DEPENDS ${PROJECT_SOURCE_DIR}/tools/formula_catalog.py ${SIGPROP_FORMULA_HEADERS}
  COMMENT "Reading the formulas' head comments")

add_custom_command(
  OUTPUT ${SIGPROP_GENERATED}/model_types.inc
  COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tools/embed_text.py --output ${SIGPROP_GENERATED}/model_types.inc
          model_type_rows=${PROJECT_SOURCE_DIR}/src/import/model_types.json
  DEPENDS ${PROJECT_SOURCE_DIR}/tools/embed_text.py ${PROJECT_SOURCE_DIR}/src/import/model_types.json
  COMMENT "Reading the table of model types")
set(SIGPROP_GENERATED_FILES ${SIGPROP_GENERATED}/model_types.inc)

if(SIGPROP_REPORT)
  set(SIGPROP_PAGE ${PROJECT_SOURCE_DIR}/src/report/page)
  add_custom_command(
    OUTPUT ${SIGPROP_GENERATED}/page_texts.inc
    COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tools/embed_text.py --output ${SIGPROP_GENERATED}/page_texts.inc
            page_css=${SIGPROP_PAGE}/page.css page_js=${SIGPROP_PAGE}/page.js
            chart_js=${SIGPROP_CHART_JS} chart_licence=${SIGPROP_PAGE}/chart_licence.txt
    DEPENDS ${PROJECT_SOURCE_DIR}/tools/embed_text.py ${SIGPROP_PAGE}/page.css ${SIGPROP_PAGE}/page.js ${SIGPROP_CHART_JS}
            ${SIGPROP_PAGE}/chart_licence.txt
    COMMENT "Reading the texts of a report's page")
  list(APPEND SIGPROP_GENERATED_FILES ${SIGPROP_GENERATED}/formula_catalog.inc ${SIGPROP_GENERATED}/page_texts.inc)
endif()

# For tools that read sources without building them.
add_custom_target(sigprop_generated DEPENDS ${SIGPROP_GENERATED_FILES})
add_dependencies(sigprop_words sigprop_generated)
target_include_directories(sigprop_words PRIVATE ${SIGPROP_GENERATED})
