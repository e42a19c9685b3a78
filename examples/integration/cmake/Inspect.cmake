# Schemas and annotations in CMake builds. Copy this file, or install it as InspectConfig.cmake and find_package(Inspect).
#
#   inspect_schema(TARGET SCHEMA... [IMPORT DIR...])
#       generates C from the schemas, compiles it into the target, and lets the target include it. What is imported is
#       used and not generated: its headers are those of another target that has the schema, and that is linked.
#   inspect_pack(TARGET)
#       packs the annotations of a program or a shared library after each linking.
#
# INSPECT_GEN is the generator: a path, or a name to be found. It has to run on the machine that builds.

# The step behind linking, in which CMake runs this file. What could not be packed is removed, so that it is not taken
# for finished.
if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
    execute_process(COMMAND "${INSPECT_GEN}" pack --quiet "${IMAGE}" RESULT_VARIABLE result)
    if(NOT result EQUAL 0)
        file(REMOVE "${IMAGE}")
        message(FATAL_ERROR "${IMAGE} could not be packed")
    endif()
    return()
endif()

cmake_minimum_required(VERSION 3.20)
find_program(INSPECT_GEN inspect-gen REQUIRED)
set(INSPECT_MODULE "${CMAKE_CURRENT_LIST_FILE}")

function(inspect_schema target)
    # Without it, CMake leaves the generated files out without a word.
    get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
    if(NOT "C" IN_LIST languages)
        message(FATAL_ERROR "inspect_schema: what is generated is C; add C to the languages of project()")
    endif()
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "IMPORT")
    set(out "${CMAKE_CURRENT_BINARY_DIR}/${target}.inspect")
    set(sources "${out}/c/inspect_runtime.c")
    set(headers "${out}/c/inspect.h")
    set(schemas "")
    foreach(schema IN LISTS arg_UNPARSED_ARGUMENTS)
        cmake_path(ABSOLUTE_PATH schema)
        list(APPEND schemas "${schema}")
        # Files are called by the name that the schema gives itself.
        file(STRINGS "${schema}" line REGEX "^schema +[a-z]" LIMIT_COUNT 1)
        string(REGEX REPLACE "^schema +([a-z0-9_.]+).*" "\\1" name "${line}")
        string(REPLACE "." "_" name "${name}")
        list(APPEND sources "${out}/c/${name}.inspect.c")
        list(APPEND headers "${out}/c/${name}.inspect.h" "${out}/c/${name}.decode.h")
    endforeach()
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${schemas})
    set(used ${schemas})
    set(imports "")
    foreach(import IN LISTS arg_IMPORT)
        cmake_path(ABSOLUTE_PATH import)
        list(APPEND imports "--import=${import}")
        if(IS_DIRECTORY "${import}")
            file(GLOB_RECURSE files CONFIGURE_DEPENDS "${import}/*.inspect")
            list(APPEND used ${files})
        else()
            list(APPEND used "${import}")
        endif()
    endforeach()
    # Files that would not change are left alone, so that a stamp says when the generator ran.
    add_custom_command(
        OUTPUT "${out}/generated"
        BYPRODUCTS ${sources} ${headers}
        COMMAND "${INSPECT_GEN}" ${schemas} ${imports} --emit c -o "${out}"
        COMMAND "${CMAKE_COMMAND}" -E touch "${out}/generated"
        DEPENDS ${used} "${INSPECT_GEN}"
        COMMENT "Generating from schemas for ${target}"
        VERBATIM)
    target_sources(${target} PRIVATE "${out}/generated" ${sources} ${headers})
    target_include_directories(${target} PUBLIC "${out}/c")
    # Annotations do not refer to the runtime, and without its root nobody finds the table in a process or a core: a
    # program takes it out of the library whether it calls it or not.
    get_target_property(type ${target} TYPE)
    if(type STREQUAL "STATIC_LIBRARY")
        target_link_options(${target} INTERFACE "LINKER:-u,inspect_root_here")
    endif()
endfunction()

function(inspect_pack target)
    add_custom_command(
        TARGET ${target} POST_BUILD
        COMMAND "${CMAKE_COMMAND}" "-DINSPECT_GEN=${INSPECT_GEN}" "-DIMAGE=$<TARGET_FILE:${target}>"
                -P "${INSPECT_MODULE}"
        COMMENT "Packing the annotations of ${target}"
        VERBATIM)
endfunction()
