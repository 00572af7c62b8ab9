# Installs a build tree into a new folder, builds the project beside this file
# against it, and runs both programs.
#   cmake -DBUILD=<build tree> -DGENERATOR=<...> -DCOMPILER=<...> -P install_and_use.cmake
string(RANDOM LENGTH 12 tag)
set(root $ENV{TMPDIR})
if(NOT root)
  set(root /tmp)
endif()
set(folder ${root}/partita-package-${tag})

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT code EQUAL 0)
    file(REMOVE_RECURSE ${folder})
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}: ended with ${code}\n${output}")
  endif()
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${folder}/prefix)
run(${folder}/prefix/bin/partita --version)
run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${folder}/build -G ${GENERATOR}
    -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH=${folder}/prefix)
run(${CMAKE_COMMAND} --build ${folder}/build)
run(${folder}/build/consumer)
file(REMOVE_RECURSE ${folder})
