// The job, in the language of the plugin job-dsl: it takes the pipeline from the repository, and so its history.
pipelineJob('companion') {
    description('The pipeline of jenkins/Jenkinsfile')
    definition {
        cpsScm {
            scriptPath('jenkins/Jenkinsfile')
            lightweight(true)
            scm {
                git {
                    remote { url(System.getenv('COMPANION_REPOSITORY') ?: '/repository') }
                    branch(System.getenv('COMPANION_BRANCH') ?: 'main')
                }
            }
        }
    }
}
