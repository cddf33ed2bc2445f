# Part of dfrot's Conan package, read by find_package(dfrot COMPONENTS ...): refuses a component that is not there, and says
# why. CMakeDeps alone accepts every name.
foreach(dfrot_component IN LISTS dfrot_FIND_COMPONENTS)
  if(TARGET "dfrot::${dfrot_component}" AND dfrot_component MATCHES "^(kernels|dfrot|cuda)$")
    set(dfrot_${dfrot_component}_FOUND TRUE)
  else()
    set(dfrot_${dfrot_component}_FOUND FALSE)
    if(dfrot_FIND_REQUIRED_${dfrot_component})
      set(dfrot_FOUND FALSE)
      if(dfrot_component STREQUAL "dfrot")
        set(dfrot_NOT_FOUND_MESSAGE "component dfrot needs Eigen: set the option with_eigen=True of dfrot's Conan package")
      else()
        set(dfrot_NOT_FOUND_MESSAGE 
          "dfrot has no component \"${dfrot_component}\" with Conan. Its components are: kernels, dfrot, cuda.")
      endif()
    endif()
  endif()
endforeach()
unset(dfrot_component)
